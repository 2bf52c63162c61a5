/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/m2p.h"

#define table ((volatile uint64_t *)m2p_writable_base)

void m2p_set(mfn_t frame, uint64_t pfn)
{
    table[frame.value] = pfn;
}

uint64_t m2p_get(mfn_t frame)
{
    return table[frame.value];
}
