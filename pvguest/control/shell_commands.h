/* SPDX-License-Identifier: MIT */
/*
 * The table of the shell's commands; the functions are in shell_domain.c, shell_machine.c,
 * shell_vcpu.c, shell_schedule.c and others of that name. A command gets its words (words[0] is its
 * name, words[count] is NULL) and returns 0 or 1, as a program exits. They run in the shell's
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/domctl.h>

struct shell_command {
    const char *name;
    int (*run)(int count, char **words);
    const char *arguments;
    const char *help;
};

extern const struct shell_command shell_commands[];
extern const size_t shell_command_count;

/* NULL when there is no such command. */
const struct shell_command *shell_find_command(const char *name);

/* Print how a command is called; returns 1. */
int shell_usage(const char *command);

/* A domain by name or number, or xl's complaint. */
bool shell_find_domain(const char *word, domid_t *domain);

/* Call `show` for the domains named by the words behind the command, or for all. */
typedef void shell_show_t(const struct xen_domctl_getdomaininfo *domain);
int shell_for_domains(int count, char **words, shell_show_t *show);

/* Join terminal and guest console until Ctrl-]; 0 or a negative errno. */
int shell_attach(domid_t domain);

int command_block_restart(int count, char **words);
int command_console(int count, char **words);
int command_create(int count, char **words);
int command_destroy(int count, char **words);
int command_disk_list(int count, char **words);
int command_debug_keys(int count, char **words);
int command_dmesg(int count, char **words);
int command_domid(int count, char **words);
int command_domname(int count, char **words);
int command_files(int count, char **words);
int command_help(int count, char **words);
int command_hypercalls(int count, char **words);
int command_info(int count, char **words);
int command_list(int count, char **words);
int command_mem_set(int count, char **words);
int command_network_link(int count, char **words);
int command_network_list(int count, char **words);
int command_network_restart(int count, char **words);
int command_pause(int count, char **words);
int command_reboot(int count, char **words);
int command_repeat(int count, char **words);
int command_sched(int count, char **words);
int command_sched_credit2(int count, char **words);
int command_shutdown(int count, char **words);
int command_sysrq(int count, char **words);
int command_top(int count, char **words);
int command_trace(int count, char **words);
int command_unpause(int count, char **words);
int command_uptime(int count, char **words);
int command_vcpu_list(int count, char **words);
int command_vcpu_pin(int count, char **words);
int command_vcpu_set(int count, char **words);
