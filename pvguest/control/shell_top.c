/* SPDX-License-Identifier: MIT */
/*
 * `top`: a table of the domains, renewed every two seconds until q or Ctrl-C.
 */
#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "pvguest/control/domain_calls.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/network.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/control/shell_input.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/print.h"

#define TOP_DOMAINS   32
#define TOP_PERIOD_NS 2000000000ull
#define NAME_SIZE     64

struct top {
    struct xen_domctl_getdomaininfo domains[TOP_DOMAINS];
    uint64_t taken_ns;
    int count;
    struct {
        domid_t domain;
        uint64_t cpu_time;
    } before[TOP_DOMAINS];
    int before_count;
    uint64_t before_ns;
};

static void take_sample(struct top *top)
{
    for (int i = 0; i < top->count; i++) {
        top->before[i].domain = top->domains[i].domain;
        top->before[i].cpu_time = top->domains[i].cpu_time;
    }
    top->before_count = top->count;
    top->before_ns = top->taken_ns;
    top->count = domain_call_list(0, top->domains, TOP_DOMAINS);
    if (top->count < 0)
        top->count = 0;
    top->taken_ns = clock_monotonic_ns();
}

/* A domain's share of one processor since the last sample, in tenths of a percent. */
static uint64_t processor_share(const struct top *top,
                                const struct xen_domctl_getdomaininfo *domain)
{
    uint64_t passed = top->taken_ns - top->before_ns;

    for (int i = 0; i < top->before_count; i++) {
        if (top->before[i].domain == domain->domain && top->before[i].cpu_time <= domain->cpu_time)
            return passed ? (domain->cpu_time - top->before[i].cpu_time) * 1000 / passed : 0;
    }
    return 0;
}

static const char *state_name(const struct xen_domctl_getdomaininfo *domain)
{
    if (domain->flags & XEN_DOMINF_dying)
        return "d-----";
    if (domain->flags & XEN_DOMINF_shutdown)
        return "-s----";
    if (domain->flags & XEN_DOMINF_paused)
        return "----p-";
    if (domain->flags & XEN_DOMINF_running)
        return "-----r";
    return domain->flags & XEN_DOMINF_blocked ? "--b---" : "------";
}

/* Bytes that a domain has sent and received through the bridges. */
static void sum_network(domid_t domain, uint64_t *sent, uint64_t *received)
{
    *sent = *received = 0;
    for (const struct network_interface *each = network_next(NULL); each;
         each = network_next(each)) {
        if (each->is_card || each->domain != domain)
            continue;
        *sent += each->counters.received_bytes;
        *received += each->counters.sent_bytes;
    }
}

static void show_domain(const struct top *top, const struct xen_domctl_getdomaininfo *domain)
{
    uint64_t share = processor_share(top, domain), seconds = domain->cpu_time / 1000000000;
    char name[NAME_SIZE];
    uint64_t sent, received;

    life_cycle_name(domain->domain, name, sizeof name);
    sum_network(domain->domain, &sent, &received);
    print("%-20.20s %s %10llu %6llu.%llu %10llu %5u %10llu %10llu\n", name, state_name(domain),
          (unsigned long long)seconds, (unsigned long long)(share / 10),
          (unsigned long long)(share % 10), (unsigned long long)domain->tot_pages * 4,
          domain->nr_online_vcpus, (unsigned long long)(sent >> 10),
          (unsigned long long)(received >> 10));
}

static void show_sample(const struct top *top)
{
    struct xen_sysctl_physinfo machine;

    print("\033[H\033[J");
    if (machine_call_information(&machine) == 0)
        print("%d domains. Mem: %lluk total, %lluk free. CPUs: %u @ %u MHz. q leaves.\n",
              top->count, (unsigned long long)machine.total_pages * 4,
              (unsigned long long)machine.free_pages * 4, machine.nr_cpus, machine.cpu_khz / 1000);
    print("%-20s %s %10s %8s %10s %5s %10s %10s\n", "NAME", "STATE ", "CPU(sec)", "CPU(%)",
          "MEM(k)", "VCPUS", "NETTX(k)", "NETRX(k)");
    for (int i = 0; i < top->count; i++)
        show_domain(top, &top->domains[i]);
}

int command_top(int count, char **words)
{
    struct top *top = heap_allocate_zeroed(sizeof *top);
    char key = '\0';

    (void)count, (void)words;
    if (!top)
        return 1;
    do {
        take_sample(top);
        show_sample(top);
    } while (shell_input_read(&key, 1, top->taken_ns + TOP_PERIOD_NS) == 0 ||
             (key != 'q' && key != '\x03'));
    heap_free(top);
    return 0;
}
