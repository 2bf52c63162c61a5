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

/* Pages mapped at a time. */
#define WRITE_BATCH 128

static uint64_t chunk_count(const struct builder_memory *memory)
{
    return (memory->count + BUILDER_CHUNK - 1) / BUILDER_CHUNK;
}

/* How many frames a chunk holds; the last may be partly used. */
static uint64_t chunk_size(const struct builder_memory *memory, uint64_t chunk)
{
    uint64_t left = memory->count - chunk * BUILDER_CHUNK;

    return left < BUILDER_CHUNK ? left : BUILDER_CHUNK;
}

static int populate_chunk(struct builder_memory *memory, uint64_t chunk)
{
    uint64_t *mfns = page_allocate(0);

    if (!mfns)
        return -XEN_ENOMEM;
    memory->chunks[chunk] = mfns;
    for (uint64_t i = 0; i < BUILDER_CHUNK; i++)
        mfns[i] = chunk * BUILDER_CHUNK + i;
    thread_yield(); /* a large domain must not keep the others waiting for their back ends */
    return domain_call_populate(memory->domain, mfns, chunk_size(memory, chunk));
}

int builder_memory_populate(struct builder_memory *memory, domid_t domain, uint64_t count)
{
    int status = 0;

    memory->domain = domain;
    memory->count = count;
    memory->chunks = heap_allocate_zeroed(chunk_count(memory) * sizeof *memory->chunks);
    if (!memory->chunks)
        return -XEN_ENOMEM;
    for (uint64_t chunk = 0; chunk < chunk_count(memory) && status == 0; chunk++)
        status = populate_chunk(memory, chunk);
    return status;
}

void builder_memory_forget(struct builder_memory *memory)
{
    for (uint64_t chunk = 0; memory->chunks && chunk < chunk_count(memory); chunk++) {
        if (memory->chunks[chunk])
            page_free(memory->chunks[chunk], 0);
    }
    heap_free(memory->chunks);
    memory->chunks = NULL;
    memory->count = 0;
}

uint64_t builder_memory_mfn(const struct builder_memory *memory, uint64_t pfn)
{
    return memory->chunks[pfn / BUILDER_CHUNK][pfn % BUILDER_CHUNK];
}

/* The part of a write that lies in one batch of pages. */
static int write_batch(const struct builder_memory *memory, uint64_t offset, const void *source,
                       uint64_t size)
{
    uint64_t first = offset >> PAGE_SHIFT, last = (offset + size - 1) >> PAGE_SHIFT;
    uint64_t mfns[WRITE_BATCH];
    void *mapped;
    char *target;
    int status;

    if (last >= memory->count)
        return -XEN_EFAULT;
    for (uint64_t pfn = first; pfn <= last; pfn++)
        mfns[pfn - first] = builder_memory_mfn(memory, pfn);
    status = foreign_map(memory->domain, mfns, last - first + 1, true, &mapped);
    if (status < 0)
        return status;
    target = (char *)mapped + (offset & ~PAGE_MASK);
    if (source)
        memcpy(target, source, size);
    else
        memset(target, 0, size);
    return foreign_unmap(mapped, last - first + 1);
}

int builder_memory_write(const struct builder_memory *memory, uint64_t offset, const void *source,
                         uint64_t size)
{
    const char *from = source;
    int status = 0;

    while (size && status == 0) {
        uint64_t room = WRITE_BATCH * PAGE_SIZE - (offset & ~PAGE_MASK);
        uint64_t part = size < room ? size : room;

        thread_yield();
        status = write_batch(memory, offset, from, part);
        offset += part;
        size -= part;
        if (from)
            from += part;
    }
    return status;
}

int builder_memory_write_map(const struct builder_memory *memory, uint64_t offset)
{
    int status = 0;

    for (uint64_t chunk = 0; chunk < chunk_count(memory) && status == 0; chunk++)
        status = builder_memory_write(memory, offset + chunk * BUILDER_CHUNK * sizeof(uint64_t),
                                      memory->chunks[chunk],
                                      chunk_size(memory, chunk) * sizeof(uint64_t));
    return status;
}

static uint64_t table_value(const struct builder_memory *memory, unsigned int level,
                            const struct pv_entry *entry)
{
    uint64_t flags = PTE_PRESENT | PTE_USER | PTE_ACCESSED;

    if (level > 1)
        flags |= PTE_DIRTY;
    if (entry->writable)
        flags |= PTE_WRITABLE;
    return builder_memory_mfn(memory, entry->pfn) << PAGE_SHIFT | flags;
}

int builder_memory_write_tables(const struct builder_memory *memory, const struct pv_layout *layout)
{
    uint64_t *page = page_allocate(0);
    struct pv_table table;
    struct pv_entry entry;
    int status = page ? 0 : -XEN_ENOMEM;

    for (uint64_t number = 0; status == 0 && pv_layout_table(layout, number, &table); number++) {
        for (unsigned int index = 0; index < TABLE_ENTRIES; index++)
            page[index] = pv_layout_entry(layout, &table, index, &entry)
                              ? table_value(memory, table.level, &entry)
                              : 0;
        status = builder_memory_write(memory, table.pfn << PAGE_SHIFT, page, PAGE_SIZE);
    }
    if (page)
        page_free(page, 0);
    return status;
}
