/* SPDX-License-Identifier: MIT */
/*
 * Segment selectors and bases of a guest: live in the registers while its vcpu runs (entry needs
 * no swapgs), in vcpu->guest otherwise. In guest kernel mode MSR_GS_BASE holds the kernel's base
 * and MSR_KERNEL_GS_BASE the user's, in user mode the other way round.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct pcpu;

static inline bool address_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

void segment_save(struct vcpu *vcpu, struct pcpu *pcpu);
void segment_load(const struct vcpu *vcpu, struct pcpu *pcpu);
/* Exchange the two GS bases, for a change of the guest's mode. */
void segment_swap_gs(void);
