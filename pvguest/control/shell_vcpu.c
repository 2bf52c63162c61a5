/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands about virtual processors: where they run, where they may, how many there
 * are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>
#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/print.h"

#define NAME_SIZE 64
#define SET_TEXT  64
#define SECOND_NS 1000000000ull

static unsigned int pcpu_count(void)
{
    struct xen_sysctl_physinfo machine;

    return machine_call_information(&machine) < 0 ? 1 : machine.nr_cpus;
}

static void show_affinity(domid_t domain, unsigned int vcpu, unsigned int count)
{
    struct pcpu_set hard = {0}, soft = {0};
    char hard_text[SET_TEXT], soft_text[SET_TEXT];

    domain_call_get_affinity(domain, vcpu, &hard, &soft);
    pcpu_set_text(&hard, count, hard_text, sizeof hard_text);
    pcpu_set_text(&soft, count, soft_text, sizeof soft_text);
    print("%s / %s\n", hard_text, soft_text);
}

static void list_vcpus(const struct xen_domctl_getdomaininfo *domain)
{
    unsigned int pcpus = pcpu_count();
    char name[NAME_SIZE];

    life_cycle_name(domain->domain, name, sizeof name);
    for (uint32_t number = 0; number <= domain->max_vcpu_id; number++) {
        struct xen_domctl_getvcpuinfo vcpu;
        uint64_t tenths;

        if (domain_call_vcpu_information(domain->domain, number, &vcpu) < 0)
            return;
        print("%-32s %5u %5u", name, domain->domain, number);
        if (vcpu.online)
            print("%6u   %c%c- ", vcpu.cpu, vcpu.running ? 'r' : '-', vcpu.blocked ? 'b' : '-');
        else
            print("%6c   --p ", '-');
        tenths = vcpu.cpu_time / (SECOND_NS / 10);
        print("%8llu.%llu  ", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10));
        show_affinity(domain->domain, number, pcpus);
    }
}

int command_vcpu_list(int count, char **words)
{
    print("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
          "Affinity (Hard / Soft)");
    return shell_for_domains(count, words, list_vcpus);
}

static int pin(domid_t domain, unsigned int vcpu, const struct pcpu_set *hard,
               const struct pcpu_set *soft)
{
    int status = domain_call_set_affinity(domain, vcpu, hard, soft);

    if (status == -XEN_EINVAL)
        print("Could not set affinity for vcpu `%u': none of these processors is online.\n", vcpu);
    else if (status < 0)
        print("Could not set affinity for vcpu `%u': error %d.\n", vcpu, status);
    return status < 0;
}

/* A set of processors, or `-` and nothing for none: *chosen is NULL then. */
static bool parse_set(const char *word, struct pcpu_set *set, const struct pcpu_set **chosen)
{
    *chosen = NULL;
    if (!word || strcmp(word, "-") == 0)
        return true;
    *chosen = set;
    if (pcpu_set_parse(word, set))
        return true;
    print("Invalid pcpu range: %s.\n", word);
    return false;
}

/* The vcpus that a word means, first to last; those of a domain are numbered without gaps. */
static bool parse_vcpus(const char *word, domid_t domain, unsigned int *first, unsigned int *last)
{
    struct xen_domctl_getdomaininfo information;
    const char *cursor = word;
    uint64_t number;

    if (domain_call_information(domain, &information) < 0)
        return false;
    *first = 0;
    *last = information.max_vcpu_id;
    if (strcmp(word, "all") == 0)
        return true;
    if (!text_parse_unsigned(&cursor, &number) || *cursor || number > *last) {
        print("Error: Invalid argument %s as VCPU.\n", word);
        return false;
    }
    *first = *last = (unsigned int)number;
    return true;
}

int command_vcpu_pin(int count, char **words)
{
    struct pcpu_set sets[2];
    const struct pcpu_set *hard, *soft;
    unsigned int first, last;
    domid_t domain;

    if (count != 4 && count != 5)
        return shell_usage(words[0]);
    if (!shell_find_domain(words[1], &domain) || !parse_vcpus(words[2], domain, &first, &last) ||
        !parse_set(words[3], &sets[0], &hard) || !parse_set(words[4], &sets[1], &soft))
        return 1;
    if (!hard && !soft)
        return shell_usage(words[0]);
    for (unsigned int vcpu = first; vcpu <= last; vcpu++) {
        if (pin(domain, vcpu, hard, soft))
            return 1;
    }
    return 0;
}

/* As xl: more vcpus than the machine has processors are asked for knowingly or not at all. */
static bool is_too_many(domid_t domain, uint64_t wanted)
{
    struct xen_domctl_getdomaininfo information;
    unsigned int pcpus = pcpu_count();

    if (domain_call_information(domain, &information) < 0 || wanted <= pcpus ||
        wanted <= information.nr_online_vcpus)
        return false;
    print("You are overcommitting! You have %u physical CPUs and want %llu vCPUs! Aborting, use "
          "--ignore-host to continue\n",
          pcpus, (unsigned long long)wanted);
    return true;
}

static int set_vcpus(domid_t domain, uint64_t wanted)
{
    unsigned int maximum;
    int status = life_cycle_set_vcpus(domain, (unsigned int)wanted, &maximum);

    if (status == -XEN_E2BIG)
        print("Requested %llu VCPUs, however maxcpus is %u!\n", (unsigned long long)wanted,
              maximum);
    else if (status == -XEN_ESRCH)
        print("domain %u is not a guest of this control domain\n", domain);
    else if (status < 0)
        print("setting the vcpus of domain %u failed: error %d\n", domain, status);
    return status < 0;
}

int command_vcpu_set(int count, char **words)
{
    bool ignore_host =
        count > 1 && (strcmp(words[1], "-i") == 0 || strcmp(words[1], "--ignore-host") == 0);
    const char *cursor;
    domid_t domain;
    uint64_t wanted;

    if (count != (ignore_host ? 4 : 3))
        return shell_usage(words[0]);
    if (!shell_find_domain(words[count - 2], &domain))
        return 1;
    cursor = words[count - 1];
    if (!text_parse_unsigned(&cursor, &wanted) || *cursor || !wanted || wanted > UINT16_MAX) {
        print("Error: Invalid argument.\n");
        return 1;
    }
    if (!ignore_host && is_too_many(domain, wanted))
        return 1;
    return set_vcpus(domain, wanted);
}
