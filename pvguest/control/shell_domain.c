/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands about domains.
 */
#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/sched.h>

#include "lib/string.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/domain_exception.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

#define NAME_SIZE  64
#define SECOND_NS  1000000000ull
#define LIST_BATCH 16

bool shell_find_domain(const char *word, domid_t *domain)
{
    if (life_cycle_find(word, domain))
        return true;
    print("%s is an invalid domain identifier (rc=-6)\n", word);
    return false;
}

int shell_for_domains(int count, char **words, shell_show_t *show)
{
    struct xen_domctl_getdomaininfo list[LIST_BATCH];
    domid_t domain = 0;
    int found;

    for (int i = 1; i < count; i++) {
        if (!shell_find_domain(words[i], &domain) || domain_call_information(domain, list) < 0)
            return 1;
        show(list);
    }
    while (count <= 1 && (found = domain_call_list(domain, list, LIST_BATCH)) > 0) {
        for (int i = 0; i < found; i++)
            show(&list[i]);
        domain = list[found - 1].domain + 1;
    }
    return 0;
}

static void list_domain(const struct xen_domctl_getdomaininfo *domain)
{
    unsigned int reason = domain->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    bool shut_down = domain->flags & XEN_DOMINF_shutdown;
    uint64_t tenths = domain->cpu_time / (SECOND_NS / 10);
    uint64_t pages = domain->tot_pages + domain->outstanding_pages;
    char name[NAME_SIZE];

    life_cycle_name(domain->domain, name, sizeof name);
    print("%-40s %5u %5llu %5u     %c%c%c%c%c%c  %6llu.%llu\n", name, domain->domain,
          (unsigned long long)(pages / 256), domain->nr_online_vcpus,
          domain->flags & XEN_DOMINF_running ? 'r' : '-',
          domain->flags & XEN_DOMINF_blocked ? 'b' : '-',
          domain->flags & XEN_DOMINF_paused ? 'p' : '-', shut_down ? 's' : '-',
          shut_down && reason == SHUTDOWN_crash ? 'c' : '-',
          domain->flags & XEN_DOMINF_dying ? 'd' : '-', (unsigned long long)(tenths / 10),
          (unsigned long long)(tenths % 10));
}

int command_list(int count, char **words)
{
    print("%-40s %5s %5s %5s\tState\tTime(s)\n", "Name", "ID", "Mem", "VCPUs");
    return shell_for_domains(count, words, list_domain);
}

static void show_uptime(const struct xen_domctl_getdomaininfo *domain)
{
    char name[NAME_SIZE];
    uint64_t seconds;

    if (!life_cycle_uptime(domain->domain, &seconds))
        return;
    seconds /= SECOND_NS;
    life_cycle_name(domain->domain, name, sizeof name);
    print("%-33s %4u ", name, domain->domain);
    if (seconds >= 86400)
        print("%llu day%s, ", (unsigned long long)(seconds / 86400),
              seconds >= 2 * 86400 ? "s" : "");
    print("%2llu:%02llu:%02llu\n", (unsigned long long)(seconds / 3600 % 24),
          (unsigned long long)(seconds / 60 % 60), (unsigned long long)(seconds % 60));
}

int command_uptime(int count, char **words)
{
    print("%-33s %4s %s\n", "Name", "ID", "Uptime");
    return shell_for_domains(count, words, show_uptime);
}

int command_create(int count, char **words)
{
    bool paused = false, quiet = false, attach = false;
    const char *file = NULL;
    domid_t domain;

    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "-p") == 0)
            paused = true;
        else if (strcmp(words[i], "-q") == 0)
            quiet = true;
        else if (strcmp(words[i], "-c") == 0)
            attach = true;
        else if (words[i][0] != '-' && !file)
            file = words[i];
        else
            return shell_usage(words[0]);
    }
    if (!file)
        return shell_usage(words[0]);
    if (life_cycle_create(file, paused, quiet, &domain) < 0)
        return 1;
    return attach ? shell_attach(domain) : 0;
}

static int report_failure(const char *what, domid_t domain, int status)
{
    if (status == 0)
        return 0;
    if (status == -XEN_ESRCH)
        print("domain %u is not a guest of this control domain\n", domain);
    else
        print("%s domain %u failed: error %d\n", what, domain, status);
    return 1;
}

/* Run an operation on the one guest that the words name. */
static int on_guest(int count, char **words, const char *what, int (*operation)(domid_t domain))
{
    domid_t domain;

    if (count != 2)
        return shell_usage(words[0]);
    if (!shell_find_domain(words[1], &domain))
        return 1;
    if (domain == 0) {
        print("Cannot %s privileged domain 0.\n", words[0]);
        return 1;
    }
    return report_failure(what, domain, operation(domain));
}

int command_destroy(int count, char **words)
{
    return on_guest(count, words, "destroying", life_cycle_destroy);
}

int command_pause(int count, char **words)
{
    return on_guest(count, words, "pausing", domain_call_pause);
}

int command_unpause(int count, char **words)
{
    return on_guest(count, words, "unpausing", domain_call_unpause);
}

static _Noreturn void end_machine(unsigned int reason)
{
    print("Shutting down all domains\n");
    life_cycle_shutdown_all();
    print("%s the machine\n", reason == SHUTDOWN_reboot ? "Restarting" : "Powering off");
    guest_shutdown(reason);
}

static int request_shutdown(const char *word, const char *how, const char *doing, domid_t *domain)
{
    if (!shell_find_domain(word, domain))
        return 1;
    if (*domain == 0)
        end_machine(strcmp(how, "reboot") == 0 ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
    print("%s domain %u\n", doing, *domain);
    return report_failure(doing, *domain, life_cycle_request_shutdown(*domain, how));
}

int command_shutdown(int count, char **words)
{
    bool wait = count > 1 && strcmp(words[1], "-w") == 0;
    domid_t domain;

    if (count == 1)
        end_machine(SHUTDOWN_poweroff);
    if (count != (wait ? 3 : 2))
        return shell_usage(words[0]);
    if (request_shutdown(words[count - 1], "poweroff", "Shutting down", &domain))
        return 1;
    if (!wait)
        return 0;
    if (domain_exception_wait_gone(domain, clock_monotonic_ns() + 60 * SECOND_NS))
        return 0;
    print("domain %u is still there\n", domain);
    return 1;
}

/* Attach the terminal to a guest's console. */
int command_console(int count, char **words)
{
    return on_guest(count, words, "attaching to", shell_attach);
}

int command_reboot(int count, char **words)
{
    domid_t domain;

    if (count == 1)
        end_machine(SHUTDOWN_reboot);
    if (count != 2)
        return shell_usage(words[0]);
    return request_shutdown(words[1], "reboot", "Rebooting", &domain);
}

int command_domid(int count, char **words)
{
    domid_t domain;

    if (count != 2)
        return shell_usage(words[0]);
    if (!life_cycle_find(words[1], &domain)) {
        print("Can't get domid of domain name '%s', maybe this domain does not exist.\n", words[1]);
        return 1;
    }
    print("%u\n", domain);
    return 0;
}

int command_domname(int count, char **words)
{
    char name[NAME_SIZE];
    domid_t domain;

    if (count != 2)
        return shell_usage(words[0]);
    if (!life_cycle_find(words[1], &domain)) {
        print("Can't get domain name of domain id '%s', maybe this domain does not exist.\n",
              words[1]);
        return 1;
    }
    life_cycle_name(domain, name, sizeof name);
    print("%s\n", name);
    return 0;
}
