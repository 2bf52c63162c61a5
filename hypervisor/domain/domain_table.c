/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/domain_table.h"

#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"

#define PER_PAGE  (PAGE_SIZE / sizeof(struct domain *))
#define WORD_BITS 64u
#define WORDS     ((DOMID_FIRST_RESERVED + WORD_BITS - 1) / WORD_BITS)

static struct domain **pages[DOMID_FIRST_RESERVED / PER_PAGE + 1];
static uint64_t used[WORDS]; /* a bit for each number in use */

int domain_table_enter(struct domain *domain)
{
    struct domain ***page = &pages[domain->id / PER_PAGE];

    if (!*page)
        *page = frame_allocate_hypervisor(0);
    if (!*page)
        return -XEN_ENOMEM;
    (*page)[domain->id % PER_PAGE] = domain;
    used[domain->id / WORD_BITS] |= 1UL << domain->id % WORD_BITS;
    return 0;
}

static bool page_in_use(unsigned page)
{
    for (unsigned word = page * (PER_PAGE / WORD_BITS); word < WORDS; word++) {
        if (word == (page + 1) * (PER_PAGE / WORD_BITS))
            return false;
        if (used[word])
            return true;
    }
    return false;
}

void domain_table_remove(const struct domain *domain)
{
    unsigned page = domain->id / PER_PAGE;

    used[domain->id / WORD_BITS] &= ~(1UL << domain->id % WORD_BITS);
    pages[page][domain->id % PER_PAGE] = NULL;
    if (page_in_use(page))
        return;
    frame_free_hypervisor(pages[page], 0);
    pages[page] = NULL;
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
