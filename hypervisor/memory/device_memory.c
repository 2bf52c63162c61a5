/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/device_memory.h"

#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"

#define DENIED_MAX 32
/*
 * The firmware's: tables, partly inside ranges called RAM. Nothing of the hypervisor's is left in
 * there once the processors have started.
 */
#define FIRST_MEGABYTE_END 0x100

static struct {
    uint64_t first, last;                    /* frame numbers, inclusive */
} denied[DENIED_MAX] = {{0xfee00, 0xfee00}}; /* the local APIC's default place */
static unsigned denied_count = 1;

void device_memory_deny(uint64_t physical, size_t size)
{
    ASSERT(denied_count < DENIED_MAX && size != 0);
    denied[denied_count].first = physical >> PAGE_SHIFT;
    denied[denied_count].last = (physical + size - 1) >> PAGE_SHIFT;
    denied_count++;
}

static struct {
    uint64_t first, last;
} read_only = {1, 0};

void device_memory_protect(uint64_t physical, size_t size)
{
    ASSERT(read_only.first > read_only.last && size != 0);
    read_only.first = physical >> PAGE_SHIFT;
    read_only.last = (physical + size - 1) >> PAGE_SHIFT;
}

bool device_memory_read_only(mfn_t frame)
{
    return frame.value >= read_only.first && frame.value <= read_only.last;
}

bool device_memory_exists(mfn_t frame)
{
    return frame.value < 1UL << (cpu_features.physical_bits - PAGE_SHIFT);
}

bool device_memory_allowed(mfn_t frame)
{
    for (unsigned i = 0; i < denied_count; i++)
        if (frame.value >= denied[i].first && frame.value <= denied[i].last)
            return false;
    if (frame.value < FIRST_MEGABYTE_END)
        return true;
    /* RAM without a descriptor in use is the hypervisor's own: image, tables, modules. */
    uint64_t start = mfn_to_physical(frame);
    return !boot_memory_touches_ram(start, start + PAGE_SIZE);
}
