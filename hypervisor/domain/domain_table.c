/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/domain_table.h"

#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/memory/frame.h"

#define PER_PAGE  (PAGE_SIZE / sizeof(struct domain *))
#define WORD_BITS 64u
#define WORDS     ((DOMID_FIRST_RESERVED + WORD_BITS - 1) / WORD_BITS)

static struct domain **pages[DOMID_FIRST_RESERVED / PER_PAGE + 1];
static uint64_t used[WORDS]; /* a bit for each number in use */

int domain_table_reserve(domid_t id)
{
    struct domain ***page = &pages[id / PER_PAGE];

    if (!*page)
        *page = frame_allocate_hypervisor(0);
    return *page ? 0 : -XEN_ENOMEM;
}

void domain_table_set(domid_t id, struct domain *domain)
{
    uint64_t bit = 1UL << id % WORD_BITS;

    pages[id / PER_PAGE][id % PER_PAGE] = domain;
    if (domain)
        used[id / WORD_BITS] |= bit;
    else
        used[id / WORD_BITS] &= ~bit;
}

struct domain *domain_table_find(domid_t id)
{
    if (id >= DOMID_FIRST_RESERVED || !pages[id / PER_PAGE])
        return NULL;
    return pages[id / PER_PAGE][id % PER_PAGE];
}

struct domain *domain_table_find_from(unsigned id)
{
    uint64_t wanted = ~0UL << id % WORD_BITS;

    for (unsigned word = id / WORD_BITS; word < WORDS; word++, wanted = ~0UL) {
        uint64_t found = used[word] & wanted;
        if (found)
            return domain_table_find((domid_t)(word * WORD_BITS + (unsigned)__builtin_ctzl(found)));
    }
    return NULL;
}
