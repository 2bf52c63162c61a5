/* SPDX-License-Identifier: MIT */
/*
 * The shell's command about shares of processor time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/print.h"

#define LIST_BATCH 16
#define NAME_SIZE  64

static void show_share(domid_t domain)
{
    char name[NAME_SIZE];
    uint16_t weight, cap;

    if (domain_call_get_share(domain, &weight, &cap) < 0)
        return;
    life_cycle_name(domain, name, sizeof name);
    print("%-33s %4u %6u %4u\n", name, domain, weight, cap);
}

static int show_shares(void)
{
    static struct xen_domctl_getdomaininfo list[LIST_BATCH];
    domid_t next = 0;
    int count;

    print("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
    while ((count = domain_call_list(next, list, LIST_BATCH)) > 0) {
        for (int i = 0; i < count; i++)
            show_share(list[i].domain);
        next = list[count - 1].domain + 1;
    }
    return count < 0;
}

/* A number behind its option; false when it is none. */
static bool parse_number(const char *word, uint16_t *number)
{
    uint64_t value;

    if (!word || !text_parse_unsigned(&word, &value) || *word || value > UINT16_MAX)
        return false;
    *number = (uint16_t)value;
    return true;
}

static int set_share(const char *word, uint16_t weight, uint16_t cap)
{
    domid_t domain;
    int status;

    if (!life_cycle_find(word, &domain)) {
        print("%s is an invalid domain identifier (rc=-6)\n", word);
        return 1;
    }
    status = domain_call_set_share(domain, weight, cap);
    if (status < 0)
        print("setting the share of domain %u failed: error %d\n", domain, status);
    return status < 0;
}

int command_sched_credit2(int count, char **words)
{
    const char *domain = NULL;
    uint16_t weight = 0, cap = 0;
    bool change = false;

    for (int i = 1; i < count; i += 2) {
        if (strcmp(words[i], "-d") == 0 && words[i + 1])
            domain = words[i + 1];
        else if (strcmp(words[i], "-w") == 0 && parse_number(words[i + 1], &weight))
            change = true;
        else if (strcmp(words[i], "-c") == 0 && parse_number(words[i + 1], &cap))
            change = true;
        else
            return shell_usage(words[0]);
    }
    if (change != (domain != NULL))
        return shell_usage(words[0]);
    return change ? set_share(domain, weight, cap) : show_shares();
}
