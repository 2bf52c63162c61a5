/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/boot_memory.h"

#include <stddef.h>

#include "boot/boot_info.h"
#include "hypervisor/layout.h"

#define RAM        1
#define RANGE_MAX  256
#define LOW_END    0x100000
#define LOW_FIRST  0x1000
#define LOW_LAST   0x9e000
#define DIRECT_MAX (DIRECT_MAP_END - DIRECT_MAP_VIRT)

struct range {
    uint64_t start, end;
};

/* Free ranges in no particular order; empty ones have start == end. */
static struct range ranges[RANGE_MAX];
static unsigned range_count;

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static void range_add(uint64_t start, uint64_t end)
{
    if (start < end && range_count < RANGE_MAX)
        ranges[range_count++] = (struct range){start, end};
}

/* Take [start, end) out of every range: what is left above it becomes a range of its own. */
static void exclude(uint64_t start, uint64_t end)
{
    unsigned count = range_count;

    for (unsigned i = 0; i < count; i++) {
        struct range *range = &ranges[i];
        if (end <= range->start || start >= range->end)
            continue;
        uint64_t old_end = range->end;
        uint64_t old_start = range->start;
        range->end = start > old_start ? start : old_start;
        if (end < old_end) {
            if (range->end == old_start)
                *range = (struct range){end, old_end};
            else
                range_add(end, old_end);
        }
    }
}

/* Inner pages of each RAM range; whatever is not RAM wins where the map overlaps itself. */
void boot_memory_start(uint64_t image_end)
{
    range_count = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        uint64_t end = (range->start + range->size) & PAGE_MASK;
        if (range->type != RAM)
            continue;
        range_add(round_up(range->start, PAGE_SIZE), end < DIRECT_MAX ? end : DIRECT_MAX);
    }
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type != RAM)
            exclude(range->start & PAGE_MASK, round_up(range->start + range->size, PAGE_SIZE));
    }
    exclude(0, LOW_END);
    exclude(IMAGE_PHYSICAL, round_up(image_end, PAGE_SIZE));
    for (unsigned i = 0; i < boot_info.module_count; i++)
        exclude(boot_info.modules[i].start & PAGE_MASK,
                round_up(boot_info.modules[i].end, PAGE_SIZE));
}

uint64_t boot_memory_allocate(uint64_t size, uint64_t alignment, uint64_t limit)
{
    uint64_t best = BOOT_MEMORY_NONE;

    size = round_up(size, PAGE_SIZE);
    for (unsigned i = 0; i < range_count; i++) {
        uint64_t end = ranges[i].end < limit ? ranges[i].end : limit;
        if (end < size)
            continue;
        uint64_t start = (end - size) & ~(alignment - 1);
        if (start >= ranges[i].start && (best == BOOT_MEMORY_NONE || start > best))
            best = start;
    }
    if (best != BOOT_MEMORY_NONE)
        exclude(best, best + size);
    return best;
}

bool boot_memory_next(uint64_t *position, uint64_t *start, uint64_t *end)
{
    const struct range *next = NULL;

    for (unsigned i = 0; i < range_count; i++)
        if (ranges[i].start < ranges[i].end && ranges[i].start >= *position &&
            (!next || ranges[i].start < next->start))
            next = &ranges[i];
    if (!next)
        return false;
    *start = next->start;
    *position = *end = next->end;
    return true;
}

bool boot_memory_touches_ram(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type == RAM && range->start < end && start < range->start + range->size)
            return true;
    }
    return false;
}

bool boot_memory_described(uint64_t start, uint64_t end, uint32_t type_mask)
{
    bool moved = true;

    /* Neighbouring ranges may cover it together. */
    while (start < end && moved) {
        moved = false;
        for (unsigned i = 0; i < boot_info.range_count; i++) {
            const struct boot_range *range = &boot_info.ranges[i];
            bool wanted = range->type < 32 && (type_mask >> range->type & 1);
            if (wanted && range->start <= start && start < range->start + range->size) {
                start = range->start + range->size;
                moved = true;
            }
        }
    }
    return start >= end;
}

uint64_t boot_memory_end(void)
{
    uint64_t highest = 0;

    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type == RAM && range->start + range->size > highest)
            highest = range->start + range->size;
    }
    return highest < DIRECT_MAX ? highest : DIRECT_MAX;
}

uint64_t boot_memory_total(void)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < boot_info.range_count; i++)
        if (boot_info.ranges[i].type == RAM)
            total += boot_info.ranges[i].size;
    return total;
}

/* The loader may put small modules below 1 MiB. */
static bool in_module(uint64_t page)
{
    for (unsigned i = 0; i < boot_info.module_count; i++)
        if (boot_info.modules[i].start < page + PAGE_SIZE && page < boot_info.modules[i].end)
            return true;
    return false;
}

uint64_t boot_memory_low_page(void)
{
    for (uint64_t page = LOW_LAST; page >= LOW_FIRST; page -= PAGE_SIZE)
        if (boot_memory_described(page, page + PAGE_SIZE, 1U << RAM) && !in_module(page))
            return page;
    return BOOT_MEMORY_NONE;
}
