/* SPDX-License-Identifier: MIT */
#include "hypervisor/layout.h"
#include "hypervisor/memory/mfn.h"

const uintptr_t direct_map_base = DIRECT_MAP_VIRT;
const uintptr_t frame_table_base = FRAME_TABLE_VIRT;
const uintptr_t m2p_writable_base = M2P_WRITABLE_VIRT;
