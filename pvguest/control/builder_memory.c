/* SPDX-License-Identifier: MIT */
#include "pvguest/control/builder_memory.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

/* Pages mapped at a time. */
#define WRITE_BATCH 128

int builder_memory_populate(struct builder_memory *memory, domid_t domain, uint64_t count)
{
    memory->domain = domain;
    memory->count = count;
    memory->mfns = heap_allocate(count * sizeof *memory->mfns);
    if (!memory->mfns)
        return -XEN_ENOMEM;
    for (uint64_t pfn = 0; pfn < count; pfn++)
        memory->mfns[pfn] = pfn;
    return domain_call_populate(domain, memory->mfns, count);
}

void builder_memory_forget(struct builder_memory *memory)
{
    heap_free(memory->mfns);
    memory->mfns = NULL;
    memory->count = 0;
}

/* The part of a write that lies in one batch of pages. */
static int write_batch(const struct builder_memory *memory, uint64_t offset, const void *source,
                       uint64_t size)
{
    uint64_t first = offset >> PAGE_SHIFT, last = (offset + size - 1) >> PAGE_SHIFT;
    void *mapped;
    char *target;
    int status;

    if (last >= memory->count)
        return -XEN_EFAULT;
    status = foreign_map(memory->domain, memory->mfns + first, last - first + 1, true, &mapped);
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

        status = write_batch(memory, offset, from, part);
        offset += part;
        size -= part;
        if (from)
            from += part;
    }
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
    return memory->mfns[entry->pfn] << PAGE_SHIFT | flags;
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
