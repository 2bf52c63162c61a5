/* SPDX-License-Identifier: MIT */
#include "pvguest/control/builder_memory.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/thread.h"

static uint64_t chunk_count(const struct builder_memory *memory)
{
    return (memory->layout->nr_pages + BUILDER_CHUNK - 1) / BUILDER_CHUNK;
}

/* How many frames a chunk holds; the last may be partly used. */
static uint64_t chunk_size(const struct builder_memory *memory, uint64_t chunk)
{
    uint64_t left = memory->layout->nr_pages - chunk * BUILDER_CHUNK;

    return left < BUILDER_CHUNK ? left : BUILDER_CHUNK;
}

/* The largest block that is not more than so many pages, nor than there was at last. */
static unsigned int choose_order(const struct builder_memory *memory, uint64_t pages)
{
    unsigned int order = 0;

    while (order < memory->block_order && 2ul << order <= pages)
        order++;
    return order;
}

/* Populate in blocks as long as there are any: *done tells how many pages that were. */
static int populate_blocks(struct builder_memory *memory, uint64_t first, uint64_t *mfns,
                           uint64_t count, uint64_t *done)
{
    for (*done = 0; *done < count && memory->block_order;) {
        unsigned int order = choose_order(memory, count - *done);
        uint64_t mfn;
        int status = domain_call_populate_block(memory->domain, first + *done, order, &mfn);

        if (status == -XEN_ENOMEM && order)
            memory->block_order = order - 1;
        else if (status < 0)
            return status;
        for (uint64_t end = *done + (status ? 0 : 1ul << order); *done < end; ++*done)
            mfns[*done] = mfn++;
    }
    return 0;
}

static int populate_chunk(struct builder_memory *memory, uint64_t chunk)
{
    uint64_t first = chunk * BUILDER_CHUNK, count = chunk_size(memory, chunk), done;
    uint64_t *mfns = page_allocate(0);
    int status;

    if (!mfns)
        return -XEN_ENOMEM;
    memory->chunks[chunk] = mfns;
    thread_yield(); /* a large domain must not keep the others waiting for their back ends */
    status = populate_blocks(memory, first, mfns, count, &done);
    if (status < 0)
        return status;
    for (uint64_t i = done; i < count; i++)
        mfns[i] = first + i;
    return domain_call_populate(memory->domain, mfns + done, count - done);
}

int builder_memory_populate(struct builder_memory *memory, domid_t domain,
                            const struct pv_layout *layout)
{
    int status = 0;

    memory->domain = domain;
    memory->layout = layout;
    memory->block_order = BUILDER_BLOCK_ORDER;
    memory->chunks = heap_allocate_zeroed(chunk_count(memory) * sizeof *memory->chunks);
    if (!memory->chunks)
        return -XEN_ENOMEM;
    for (uint64_t chunk = 0; chunk < chunk_count(memory) && status == 0; chunk++)
        status = populate_chunk(memory, chunk);
    return status;
}

void builder_memory_close(struct builder_memory *memory)
{
    if (memory->window.count)
        foreign_unmap(memory->window.pages, memory->window.count);
    memory->window.count = 0;
}

void builder_memory_forget(struct builder_memory *memory)
{
    builder_memory_close(memory);
    for (uint64_t chunk = 0; memory->chunks && chunk < chunk_count(memory); chunk++) {
        if (memory->chunks[chunk])
            page_free(memory->chunks[chunk], 0);
    }
    heap_free(memory->chunks);
    memory->chunks = NULL;
}

uint64_t builder_memory_mfn(const struct builder_memory *memory, uint64_t pfn)
{
    return memory->chunks[pfn / BUILDER_CHUNK][pfn % BUILDER_CHUNK];
}

/* Where what is written from a pfn on ends: two stretches, with unused memory between them. */
static uint64_t written_end(const struct pv_layout *layout, uint64_t pfn)
{
    uint64_t mapped_end = layout->stack.pfn + layout->stack.pages;

    return pfn < mapped_end ? mapped_end : layout->pages_needed;
}

/* Map what is to be written from a pfn on, to its end or the chunk's. */
static int open_window(struct builder_memory *memory, uint64_t first)
{
    uint64_t offset = first % BUILDER_CHUNK, end = written_end(memory->layout, first);
    uint64_t count = end - first, room = BUILDER_CHUNK - offset;
    int status;

    builder_memory_close(memory);
    if (first >= end)
        return -XEN_EFAULT;
    if (count > room)
        count = room;
    thread_yield();
    status = foreign_map(memory->domain, memory->chunks[first / BUILDER_CHUNK] + offset, count,
                         true, &memory->window.pages);
    if (status < 0)
        return status;
    memory->window.first = first;
    memory->window.count = count;
    return 0;
}

/* Where a byte of the domain can be written, and how many behind it, until the next call. */
static int reach(struct builder_memory *memory, uint64_t offset, char **target, uint64_t *room)
{
    uint64_t pfn = offset >> PAGE_SHIFT, inside;
    int status = 0;

    if (pfn - memory->window.first >= memory->window.count)
        status = open_window(memory, pfn);
    if (status < 0)
        return status;
    inside = offset - (memory->window.first << PAGE_SHIFT);
    *target = (char *)memory->window.pages + inside;
    *room = (memory->window.count << PAGE_SHIFT) - inside;
    return 0;
}

int builder_memory_write(struct builder_memory *memory, uint64_t offset, const void *source,
                         uint64_t size)
{
    const char *from = source;
    uint64_t room;
    char *target;

    while (size) {
        int status = reach(memory, offset, &target, &room);

        if (status < 0)
            return status;
        if (room > size)
            room = size;
        if (from)
            memcpy(target, from, room);
        else
            memset(target, 0, room);
        offset += room;
        size -= room;
        if (from)
            from += room;
    }
    return 0;
}

int builder_memory_write_map(struct builder_memory *memory, uint64_t offset)
{
    int status = 0;

    for (uint64_t chunk = 0; chunk < chunk_count(memory) && status == 0; chunk++)
        status = builder_memory_write(memory, offset + chunk * BUILDER_CHUNK * sizeof(uint64_t),
                                      memory->chunks[chunk],
                                      chunk_size(memory, chunk) * sizeof(uint64_t));
    return status;
}

static void fill_run(const struct builder_memory *memory, unsigned int level,
                     const struct pv_run *run, uint64_t *entries)
{
    uint64_t flags = PTE_PRESENT | PTE_USER | PTE_ACCESSED | (level > 1 ? PTE_DIRTY : 0);

    for (unsigned int i = 0; i < run->count; i++) {
        uint64_t pfn = run->pfn + i;

        entries[run->first + i] = builder_memory_mfn(memory, pfn) << PAGE_SHIFT | flags;
        if (pv_layout_writable(memory->layout, level, pfn))
            entries[run->first + i] |= PTE_WRITABLE;
    }
}

static int write_table(struct builder_memory *memory, const struct pv_table *table)
{
    struct pv_run run;
    uint64_t room;
    char *target;
    int status = reach(memory, table->pfn << PAGE_SHIFT, &target, &room);

    if (status < 0)
        return status;
    memset(target, 0, PAGE_SIZE);
    for (unsigned int number = 0; number < PV_LAYOUT_RUNS; number++) {
        if (pv_layout_run(memory->layout, table, number, &run))
            fill_run(memory, table->level, &run, (uint64_t *)(void *)target);
    }
    return 0;
}

int builder_memory_write_tables(struct builder_memory *memory)
{
    struct pv_table table;
    int status = 0;

    for (uint64_t i = 0; status == 0 && pv_layout_table(memory->layout, i, &table); i++)
        status = write_table(memory, &table);
    return status;
}
