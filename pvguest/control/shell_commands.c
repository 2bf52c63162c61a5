/* SPDX-License-Identifier: MIT */
#include "pvguest/control/shell_commands.h"

#include "lib/string.h"
#include "pvguest/kernel/print.h"

const struct shell_command shell_commands[] = {
    {"block-restart", command_block_restart, "",
     "stop and start the block back end; guests' requests wait meanwhile"},
    {"console", command_console, "DOMAIN", "attach to a domain's console; Ctrl-] leaves it"},
    {"create", command_create, "FILE [-p] [-q] [-c]",
     "start a domain (-p paused, -q quietly, -c with console)"},
    {"debug-keys", command_debug_keys, "KEYS", "have the hypervisor act on keys (a: audit)"},
    {"destroy", command_destroy, "DOMAIN", "end a domain at once"},
    {"disk-list", command_disk_list, "", "list disks and their partitions"},
    {"dmesg", command_dmesg, "", "print the hypervisor's messages"},
    {"domid", command_domid, "NAME", "print a domain's number"},
    {"domname", command_domname, "DOMID", "print a domain's name"},
    {"files", command_files, "", "list the files of the archive"},
    {"help", command_help, "[COMMAND]", "print this list"},
    {"hypercalls", command_hypercalls, "DOMAIN", "print how often a domain made each hypercall"},
    {"info", command_info, "[KEY]", "print facts about the machine and the hypervisor"},
    {"list", command_list, "[DOMAIN...]", "list domains"},
    {"mem-set", command_mem_set, "DOMAIN SIZE",
     "have a domain's balloon driver change its memory (MiB, or with b, k, m, g)"},
    {"network-link", command_network_link, "INTERFACE up|down",
     "let frames pass an interface (vif1.0, net0) or not"},
    {"network-list", command_network_list, "[DOMAIN...]",
     "list network interfaces with their counters; without a domain: all, with the cards"},
    {"network-restart", command_network_restart, "",
     "stop and start the network back end; guests connect anew"},
    {"pause", command_pause, "DOMAIN", "stop a domain's processors"},
    {"reboot", command_reboot, "[DOMAIN]", "ask a domain to restart; without one: the machine"},
    {"repeat", command_repeat, "N COMMAND...",
     "run commands N times: repeat 9 'create a -q; destroy a'"},
    {"sched", command_sched, "", "show the policy, and what each processor does"},
    {"sched-credit2", command_sched_credit2, "[-d DOMAIN [-w WEIGHT] [-c CAP]]",
     "list or change shares of processor time; the cap is in percent of one processor"},
    {"shutdown", command_shutdown, "[-w] [DOMAIN]",
     "ask a domain to power off (-w: and wait); without one: the machine"},
    {"sysrq", command_sysrq, "DOMAIN LETTER", "press a key with SysRq in a domain"},
    {"top", command_top, "", "show domains and their use of processors; q leaves it"},
    {"trace", command_trace, "[-e MASK] SECONDS",
     "record what the hypervisor does, for tools/trace (or MILLISECONDSms)"},
    {"unpause", command_unpause, "DOMAIN", "let a paused domain go on"},
    {"uptime", command_uptime, "[DOMAIN...]", "print how long domains have been running"},
    {"vcpu-list", command_vcpu_list, "[DOMAIN...]", "list the virtual processors"},
    {"vcpu-pin", command_vcpu_pin, "DOMAIN VCPU|all HARD [SOFT]",
     "set where vcpus may (and would rather) run: all, 0-3,5,^2 or - for as it is"},
    {"vcpu-set", command_vcpu_set, "[-i] DOMAIN COUNT",
     "have a domain use so many of its vcpus (-i: more than there are processors)"},
};

const size_t shell_command_count = sizeof shell_commands / sizeof shell_commands[0];

const struct shell_command *shell_find_command(const char *name)
{
    for (size_t i = 0; i < shell_command_count; i++) {
        if (strcmp(shell_commands[i].name, name) == 0)
            return &shell_commands[i];
    }
    return NULL;
}

int shell_usage(const char *name)
{
    const struct shell_command *command = shell_find_command(name);

    if (command)
        print("Usage: %s %s\n\n%s\n", command->name, command->arguments, command->help);
    return 1;
}

int command_help(int count, char **words)
{
    if (count > 1) {
        if (shell_find_command(words[1])) {
            shell_usage(words[1]);
            return 0;
        }
        print("command not implemented: %s\n", words[1]);
        return 1;
    }
    for (size_t i = 0; i < shell_command_count; i++)
        print(" %-13s %-20s %s\n", shell_commands[i].name, shell_commands[i].arguments,
              shell_commands[i].help);
    return 0;
}
