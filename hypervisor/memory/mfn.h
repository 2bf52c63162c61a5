/* SPDX-License-Identifier: MIT */
/*
 * Frame numbers as types of their own, and the address arithmetic of the direct map.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/layout.h"

/* Machine frame number: a 4 KiB frame of machine memory. */
typedef struct {
    uint64_t value;
} mfn_t;

#define MFN_INVALID ((mfn_t){~0UL})

static inline mfn_t mfn(uint64_t value)
{
    return (mfn_t){value};
}

static inline bool mfn_equal(mfn_t left, mfn_t right)
{
    return left.value == right.value;
}

static inline uint64_t mfn_to_physical(mfn_t frame)
{
    return frame.value << PAGE_SHIFT;
}

/* The hypervisor's own view of a RAM frame. */
static inline void *mfn_to_virtual(mfn_t frame)
{
    return (void *)(DIRECT_MAP_VIRT + mfn_to_physical(frame));
}

/* Only for addresses in the direct map. */
static inline uint64_t virtual_to_physical(const void *address)
{
    return (uint64_t)address - DIRECT_MAP_VIRT;
}

static inline mfn_t virtual_to_mfn(const void *address)
{
    return mfn(virtual_to_physical(address) >> PAGE_SHIFT);
}
