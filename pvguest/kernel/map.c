/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/map.h"

#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/table.h"

#include <xen/errno.h>

#define WINDOW_BASE  0xffffc00000000000UL
#define WINDOW_PAGES (1UL << 18)
#define WORD_BITS    64
#define BATCH        64

static uint64_t window[WINDOW_PAGES / WORD_BITS]; /* a set bit: reserved */
static size_t window_hint;
static struct spinlock window_lock; /* guards both */

static bool window_taken(size_t page)
{
    return window[page / WORD_BITS] >> page % WORD_BITS & 1;
}

static void window_mark(size_t first, size_t pages, bool taken)
{
    for (size_t page = first; page < first + pages; page++) {
        if (taken)
            window[page / WORD_BITS] |= 1UL << page % WORD_BITS;
        else
            window[page / WORD_BITS] &= ~(1UL << page % WORD_BITS);
    }
}

/* First run of free pages at or after `from`; WINDOW_PAGES when there is none. */
static size_t window_find(size_t from, size_t pages)
{
    size_t run = 0;

    for (size_t page = from; page < WINDOW_PAGES; page++) {
        run = window_taken(page) ? 0 : run + 1;
        if (run == pages)
            return page + 1 - pages;
    }
    return WINDOW_PAGES;
}

static size_t window_take_locked(size_t pages)
{
    size_t first = window_find(window_hint, pages);

    if (first == WINDOW_PAGES)
        first = window_find(0, pages);
    if (first == WINDOW_PAGES)
        return WINDOW_PAGES;
    window_mark(first, pages, true);
    window_hint = first + pages;
    return first;
}

void *window_reserve(size_t pages)
{
    unsigned long masked;
    size_t first;

    if (pages == 0 || pages > WINDOW_PAGES)
        return NULL;
    masked = spin_lock(&window_lock);
    first = window_take_locked(pages);
    spin_unlock(&window_lock, masked);
    return first == WINDOW_PAGES ? NULL : (void *)(WINDOW_BASE + (first << PAGE_SHIFT));
}

void window_release(void *address, size_t pages)
{
    size_t first = ((uint64_t)address - WINDOW_BASE) >> PAGE_SHIFT;
    unsigned long masked;

    ASSERT(first + pages <= WINDOW_PAGES);
    masked = spin_lock(&window_lock);
    window_mark(first, pages, false);
    if (first < window_hint)
        window_hint = first;
    spin_unlock(&window_lock, masked);
}

/* Where the entries of a run come from: a list of frames, consecutive frames, or nothing. */
struct run {
    uint64_t address;
    const uint64_t *mfns; /* NULL: first_mfn and those after it */
    uint64_t first_mfn;
    uint64_t flags; /* 0: no mapping */
    domid_t domain;
};

static uint64_t run_entry(const struct run *run, size_t index)
{
    if (!run->flags)
        return 0;
    return (run->mfns ? run->mfns[index] : run->first_mfn + index) << PAGE_SHIFT | run->flags;
}

/* Write entries first .. first + count - 1 of a run; `count` is at most BATCH. */
static int run_write_batch(const struct run *run, size_t first, size_t count)
{
    struct mmu_update updates[BATCH];

    for (size_t i = 0; i < count; i++) {
        uint64_t entry;
        int error = table_entry_address(run->address + ((first + i) << PAGE_SHIFT), true, &entry);

        if (error)
            return error;
        updates[i].ptr = entry | MMU_NORMAL_PT_UPDATE;
        updates[i].val = run_entry(run, first + i);
    }
    return hypercall_mmu_update(updates, (unsigned int)count, NULL, run->domain);
}

static int run_write(const struct run *run, size_t count)
{
    for (size_t done = 0; done < count; done += BATCH) {
        size_t batch = count - done < BATCH ? count - done : BATCH;
        int error = run_write_batch(run, done, batch);

        if (error)
            return error;
    }
    return 0;
}

static void run_clear(void *address, size_t count)
{
    struct run nothing = {.address = (uint64_t)address, .domain = DOMID_SELF};
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_ALL};

    if (run_write(&nothing, count) || hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF))
        panic("window mapping not removed");
}

static int run_map(struct run *run, size_t count, void **address)
{
    void *place = window_reserve(count);
    int error;

    if (!place)
        return -XEN_ENOMEM;
    run->address = (uint64_t)place;
    error = run_write(run, count);
    if (error) {
        run_clear(place, count);
        window_release(place, count);
        return error;
    }
    *address = place;
    return 0;
}

int foreign_map(domid_t domain, const uint64_t *mfns, size_t count, bool writable, void **address)
{
    struct run run = {
        .mfns = mfns,
        .flags = writable ? PTE_DATA : PTE_DATA & ~(PTE_WRITABLE | PTE_DIRTY),
        .domain = domain,
    };

    return run_map(&run, count, address);
}

int foreign_unmap(void *address, size_t count)
{
    run_clear(address, count);
    window_release(address, count);
    return 0;
}

static size_t io_pages(uint64_t address, size_t size)
{
    return ((address & ~PAGE_MASK) + size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

int io_map(uint64_t machine_address, size_t size, void **address)
{
    struct run run = {
        .first_mfn = machine_address >> PAGE_SHIFT,
        .flags = PTE_DATA | PTE_UNCACHED,
        .domain = DOMID_IO,
    };
    void *pages;
    int error = run_map(&run, io_pages(machine_address, size), &pages);

    if (!error)
        *address = (char *)pages + (machine_address & ~PAGE_MASK);
    return error;
}

int io_unmap(void *address, size_t size)
{
    return foreign_unmap((void *)((uint64_t)address & PAGE_MASK),
                         io_pages((uint64_t)address, size));
}
