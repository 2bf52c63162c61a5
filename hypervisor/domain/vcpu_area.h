/* SPDX-License-Identifier: MIT */
/*
 * Memory that a guest offers for news about one of its vcpus: vcpu_info (a frame of the guest's,
 * held by a writable type reference until the vcpu ends), and the run-state and time areas
 * (addresses in the guest kernel's space, written by copy only while that space is loaded).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/vcpu.h"

/* VCPUOP_register_vcpu_info: once for each vcpu; itself, or one that is down. */
int vcpu_area_register_info(struct vcpu *vcpu, uint64_t mfn, uint32_t offset);
/* The addresses are checked; the first copy is made at once. 0 or -XEN_EFAULT. */
int vcpu_area_register_runstate(struct vcpu *vcpu, uint64_t address);
int vcpu_area_register_time(struct vcpu *vcpu, uint64_t address);

/*
 * On the way out to the guest: bring its areas up to date, if they are not. False: they are not
 * within reach, because the guest's user tables are loaded. Current vcpu only.
 */
bool vcpu_publish(struct vcpu *vcpu);
