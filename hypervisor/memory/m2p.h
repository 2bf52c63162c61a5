/* SPDX-License-Identifier: MIT */
/*
 * The machine-to-physical table: for each machine frame the pseudo-physical number its owner gave
 * it, at MACH2PHYS_VIRT_START, readable by every guest. The hypervisor writes it through an alias.
 * Every entry holds a number that its owner chose or M2P_INVALID; it carries no rights.
 */
#pragma once

#include <stdint.h>

#include "hypervisor/memory/mfn.h"

#define M2P_INVALID (~0UL)

void m2p_set(mfn_t frame, uint64_t pfn);
uint64_t m2p_get(mfn_t frame);
