/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands that ask a guest for something through the store: it follows or it does not.
 */
#include <stdbool.h>
#include <stdint.h>
#include <xen/errno.h>

#include "lib/text.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/print.h"

#define KIB 1024
#define MIB (1024 * KIB)

/* A size as xl takes it: mebibytes, unless a letter says otherwise. */
static bool parse_size(const char *word, uint64_t *bytes)
{
    const char *cursor = word;

    if (text_parse_unsigned(&cursor, bytes) && !*cursor) {
        *bytes *= MIB;
        return *bytes / MIB < UINT64_MAX / MIB;
    }
    if (*cursor == 'b' && !cursor[1])
        return true;
    cursor = word;
    return text_parse_size(&cursor, bytes) && !*cursor;
}

static int report(const char *what, int status)
{
    if (status == -XEN_ESRCH)
        print("this domain is not a guest of this control domain\n");
    else if (status == -XEN_E2BIG)
        print("memory_dynamic_max must be less than or equal to memory_static_max\n");
    else if (status < 0)
        print("%s failed: error %d\n", what, status);
    return status < 0;
}

int command_mem_set(int count, char **words)
{
    domid_t domain;
    uint64_t bytes;

    if (count != 3 || !parse_size(words[2], &bytes) || bytes < MIB)
        return shell_usage(words[0]);
    if (!shell_find_domain(words[1], &domain))
        return 1;
    return report("setting its memory", life_cycle_set_memory(domain, bytes / KIB));
}

int command_sysrq(int count, char **words)
{
    domid_t domain;

    if (count != 3 || !words[2][0] || words[2][1])
        return shell_usage(words[0]);
    if (!shell_find_domain(words[1], &domain))
        return 1;
    return report("pressing the key", life_cycle_press_sysrq(domain, words[2][0]));
}
