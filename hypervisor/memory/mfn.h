/* SPDX-License-Identifier: MIT */
/*
 * Frame numbers as types of their own, and the address arithmetic of the direct map.
 *
 * The base addresses are constants of memory/base.c, not of the preprocessor, so that unit tests
 * can put a machine of their own behind them.
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

/* Where the direct map, the frame table and the writable machine-to-physical table begin. */
extern const uintptr_t direct_map_base, frame_table_base, m2p_writable_base;

/* The hypervisor's own view of a RAM frame. */
static inline void *mfn_to_virtual(mfn_t frame)
{
    return (void *)(direct_map_base + mfn_to_physical(frame));
}

/* Only for addresses in the direct map. */
static inline uint64_t virtual_to_physical(const void *address)
{
    return (uintptr_t)address - direct_map_base;
}

static inline mfn_t virtual_to_mfn(const void *address)
{
    return mfn(virtual_to_physical(address) >> PAGE_SHIFT);
}
