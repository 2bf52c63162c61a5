/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands about who gets how much of the processors' time.
 */
#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/version.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"

#define NAME_SIZE    64
#define PLACE_SIZE   (NAME_SIZE + 8)
#define CAP_PER_VCPU 100
#define SECOND_NS    1000000000ull

/* --- sched-credit2 --- */

static void show_share_head(void)
{
    print("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static void show_share(const struct xen_domctl_getdomaininfo *domain)
{
    char name[NAME_SIZE];
    uint16_t weight, cap;

    if (domain_call_get_share(domain->domain, &weight, &cap) < 0)
        return;
    life_cycle_name(domain->domain, name, sizeof name);
    print("%-33s %4u %6u %4u\n", name, domain->domain, weight, cap);
}

static int show_shares(void)
{
    uint32_t microseconds;

    if (machine_call_rate_limit(&microseconds) < 0)
        print("Cpupool Pool-0: [sched params unavailable]\n");
    else
        print("Cpupool Pool-0: ratelimit=%uus\n", microseconds);
    show_share_head();
    return shell_for_domains(1, NULL, show_share);
}

/* What is asked of one domain: a number below 0 is not given. */
struct share_request {
    const char *domain;
    int64_t weight, cap;
};

static bool parse_number(const char *word, int64_t *number)
{
    uint64_t value;

    if (!word || !text_parse_unsigned(&word, &value) || *word || value > UINT32_MAX)
        return false;
    *number = (int64_t)value;
    return true;
}

static bool share_in_range(const struct share_request *request,
                           const struct xen_domctl_getdomaininfo *domain)
{
    int64_t most = (domain->max_vcpu_id + 1) * CAP_PER_VCPU;

    if (request->weight == 0 || request->weight > UINT16_MAX) {
        print("Cpu weight out of range, valid values are within range from 1 to %u\n", UINT16_MAX);
        return false;
    }
    if (request->cap > most) {
        print("Cpu cap out of range, valid range is from 0 to %lld for specified number of vcpus\n",
              (long long)most);
        return false;
    }
    return true;
}

/* The share as it is, changed in what is asked for: the hypervisor takes both at once. */
static int change_share(const struct share_request *request,
                        const struct xen_domctl_getdomaininfo *domain)
{
    uint16_t weight, cap;
    int status;

    if (!share_in_range(request, domain))
        return 1;
    status = domain_call_get_share(domain->domain, &weight, &cap);
    if (status == 0)
        status = domain_call_set_share(domain->domain,
                                       request->weight < 0 ? weight : (uint16_t)request->weight,
                                       request->cap < 0 ? cap : (uint16_t)request->cap);
    if (status < 0)
        print("setting the share of domain %u failed: error %d\n", domain->domain, status);
    return status < 0;
}

static int show_or_change(const struct share_request *request)
{
    struct xen_domctl_getdomaininfo information;
    domid_t domain;

    if (!shell_find_domain(request->domain, &domain) ||
        domain_call_information(domain, &information) < 0)
        return 1;
    if (request->weight >= 0 || request->cap >= 0)
        return change_share(request, &information);
    show_share_head();
    show_share(&information);
    return 0;
}

int command_sched_credit2(int count, char **words)
{
    struct share_request request = {.weight = -1, .cap = -1};
    uint32_t scheduler;

    for (int i = 1; i < count; i += 2) {
        if (strcmp(words[i], "-d") == 0 && words[i + 1])
            request.domain = words[i + 1];
        else if (!(strcmp(words[i], "-w") == 0 && parse_number(words[i + 1], &request.weight)) &&
                 !(strcmp(words[i], "-c") == 0 && parse_number(words[i + 1], &request.cap)))
            return shell_usage(words[0]);
    }
    if (machine_call_scheduler(&scheduler) == 0 && scheduler != XEN_SCHEDULER_CREDIT2) {
        print("the scheduler is %s, not credit2\n", machine_scheduler_name(scheduler));
        return 1;
    }
    if (request.domain)
        return show_or_change(&request);
    if (request.weight < 0 && request.cap < 0)
        return show_shares();
    print("Must specify a domain.\n");
    return 1;
}

/* --- sched --- */

/* What a processor does just now. */
struct pcpu_load {
    char running[PLACE_SIZE]; /* DOMAIN/VCPU */
    unsigned int runnable;    /* vcpus that wait for it */
};

struct machine_load {
    unsigned int count;
    struct xen_sysctl_cpuinfo idle[PCPU_SET_SIZE];
    struct pcpu_load pcpus[PCPU_SET_SIZE];
};

static void add_vcpu(struct machine_load *load, const struct xen_domctl_getdomaininfo *domain,
                     const struct xen_domctl_getvcpuinfo *vcpu)
{
    struct pcpu_load *pcpu = &load->pcpus[vcpu->cpu];
    char name[NAME_SIZE];

    if (vcpu->cpu >= load->count || !vcpu->online)
        return;
    if (vcpu->running) {
        life_cycle_name(domain->domain, name, sizeof name);
        format_text(pcpu->running, sizeof pcpu->running, "%s/%u", name, vcpu->vcpu);
    } else if (!vcpu->blocked && !(domain->flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown))) {
        pcpu->runnable++;
    }
}

static void add_domain(struct machine_load *load, const struct xen_domctl_getdomaininfo *domain)
{
    struct xen_domctl_getvcpuinfo vcpu;

    for (uint32_t number = 0; number <= domain->max_vcpu_id; number++) {
        if (domain_call_vcpu_information(domain->domain, number, &vcpu) == 0)
            add_vcpu(load, domain, &vcpu);
    }
}

static int read_load(struct machine_load *load)
{
    struct xen_domctl_getdomaininfo domain;
    int count = machine_call_idle_times(load->idle, PCPU_SET_SIZE);

    if (count < 0)
        return count;
    load->count = (unsigned int)count;
    for (domid_t next = 0; domain_call_list(next, &domain, 1) == 1; next = domain.domain + 1)
        add_domain(load, &domain);
    return 0;
}

static void show_pcpu(const struct machine_load *load, unsigned int number)
{
    const struct pcpu_load *pcpu = &load->pcpus[number];
    uint64_t idle = load->idle[number].idletime, tenths = idle / (SECOND_NS / 10);
    uint64_t per_mille = idle / (clock_monotonic_ns() / 1000 + 1);

    print("%3u %-40s %8u %8llu.%llu %6llu.%llu\n", number, *pcpu->running ? pcpu->running : "-",
          pcpu->runnable, (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
          (unsigned long long)(per_mille / 10), (unsigned long long)(per_mille % 10));
}

/* Its name, and what the boot option asked for: the ABI has no number for each policy. */
static void show_policy(uint32_t scheduler)
{
    char option[16];
    char *line = page_allocate(0);

    print("Scheduler: %s", machine_scheduler_name(scheduler));
    if (line && hypercall_xen_version(XENVER_commandline, line) >= 0 &&
        text_option(line, "sched", option, sizeof option))
        print(" (sched=%s)", option);
    print("\n");
    if (line)
        page_free(line, 0);
}

static void show_load(const struct machine_load *load)
{
    print("%3s %-40s %8s %10s %8s\n", "CPU", "Runs", "Runnable", "Idle(s)", "Idle(%)");
    for (unsigned int pcpu = 0; pcpu < load->count; pcpu++)
        show_pcpu(load, pcpu);
}

int command_sched(int count, char **words)
{
    struct machine_load *load;
    uint32_t scheduler = 0;
    int status;

    if (count != 1)
        return shell_usage(words[0]);
    load = heap_allocate_zeroed(sizeof *load);
    if (!load)
        return 1;
    status = machine_call_scheduler(&scheduler);
    if (status == 0)
        status = read_load(load);
    if (status < 0) {
        print("the hypervisor does not tell: error %d\n", status);
    } else {
        show_policy(scheduler);
        show_load(load);
    }
    heap_free(load);
    return status < 0;
}
