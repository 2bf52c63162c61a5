/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells a guest: the processor's own answer through a table of masks, and Xen's leaves
 * from 0x40000000 on (xen/arch-x86/cpuid.h).
 */
#pragma once

#include <stdint.h>

#include "hypervisor/processor/cpu.h"

struct vcpu;

struct cpuid_result cpuid_for_guest(const struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf);
