/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/table.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/vcpu.h"

#include <stddef.h>
#include <xen/errno.h>

#define TOP_LEVEL 4

static struct spinlock hang_lock; /* one table for one place */

const uint64_t *table_root(void)
{
    return (const uint64_t *)start_info->pt_base;
}

uint64_t table_root_mfn(void)
{
    return page_mfn(table_root());
}

static unsigned int table_index(uint64_t address, unsigned int level)
{
    return address >> (PAGE_SHIFT + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

static uint64_t entry_machine_address(const uint64_t *table, unsigned int index)
{
    return (page_mfn(table) << PAGE_SHIFT) + index * sizeof(uint64_t);
}

static int entry_write(const uint64_t *table, unsigned int index, uint64_t value)
{
    struct mmu_update update = {
        .ptr = entry_machine_address(table, index) | MMU_NORMAL_PT_UPDATE,
        .val = value,
    };

    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

/* The table one level down, or NULL; it is one of our own pages. */
static const uint64_t *table_below(uint64_t entry)
{
    const uint64_t *table;

    if (!(entry & PTE_PRESENT))
        return NULL;
    table = page_of_mfn((entry & PTE_FRAME_MASK) >> PAGE_SHIFT);
    ASSERT(table);
    return table;
}

/* Hang a page, which has its contents already, into a table. */
static int table_hang(const uint64_t *table, unsigned int index, void *page)
{
    int error = table_protect(page);

    if (error)
        return error;
    error = entry_write(table, index, page_mfn(page) << PAGE_SHIFT | PTE_TABLE);
    if (error)
        table_unprotect(page);
    return error;
}

/* The table that hangs in an entry now, if need be a new one that is empty. */
static int table_make(const uint64_t *table, unsigned int index, const uint64_t **below)
{
    void *page = page_allocate(0);
    unsigned long masked;
    int error = 0;

    if (!page)
        return -XEN_ENOMEM;
    masked = spin_lock(&hang_lock);
    *below = table_below(READ_ONCE(table[index]));
    if (!*below)
        error = table_hang(table, index, page);
    spin_unlock(&hang_lock, masked);
    if (*below || error)
        page_free(page, 0);
    else
        *below = page;
    return error;
}

/* Go down to the table of `level` that maps an address, making empty tables when asked. */
static int table_find(uint64_t address, unsigned int level, bool make, const uint64_t **found)
{
    const uint64_t *table = table_root();

    for (unsigned int at = TOP_LEVEL; at > level; at--) {
        unsigned int index = table_index(address, at);
        const uint64_t *below = table_below(READ_ONCE(table[index]));
        int error = below ? 0 : -XEN_ENOENT;

        if (error && make)
            error = table_make(table, index, &below);
        if (error)
            return error;
        table = below;
    }
    *found = table;
    return 0;
}

int table_entry_address(uint64_t address, bool make, uint64_t *machine_address)
{
    const uint64_t *level1;
    int error = table_find(address, 1, make, &level1);

    if (!error)
        *machine_address = entry_machine_address(level1, table_index(address, 1));
    return error;
}

uint64_t table_entry(uint64_t address)
{
    const uint64_t *level1;

    if (table_find(address, 1, false, &level1))
        return 0;
    return READ_ONCE(level1[table_index(address, 1)]);
}

int table_map_own(uint64_t address, uint64_t entry)
{
    bool alone = !(READ_ONCE(vcpus_up) & ~1U);

    return hypercall_update_va_mapping(address, entry, UVMF_INVLPG | (alone ? 0 : UVMF_ALL));
}

int table_protect(void *page)
{
    return table_map_own((uint64_t)page,
                         page_mfn(page) << PAGE_SHIFT | (PTE_DATA & ~(PTE_WRITABLE | PTE_DIRTY)));
}

int table_unprotect(void *page)
{
    return table_map_own((uint64_t)page, page_mfn(page) << PAGE_SHIFT | PTE_DATA);
}

int table_install(uint64_t address, void *level1)
{
    const uint64_t *level2;
    int error = table_find(address, 2, true, &level2);

    if (error)
        return error;
    return table_hang(level2, table_index(address, 2), level1);
}
