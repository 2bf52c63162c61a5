/* SPDX-License-Identifier: MIT */
/*
 * FPU and vector state, switched eagerly: every vcpu's registers are saved when it leaves a
 * processor and loaded before it enters a guest, so that no state ever waits in a register of
 * another domain's time. CR0.TS is set only on a guest's own wish (fpu_taskswitch).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vcpu;

/* XSAVE area (Intel SDM volume 1, 13.4) with the reset state; 0 or -XEN_ENOMEM. */
int fpu_create(struct vcpu *vcpu);
void fpu_destroy(struct vcpu *vcpu);

void fpu_save(struct vcpu *vcpu);
void fpu_load(struct vcpu *vcpu);

/* #NM: true when the guest asked for it (its TS is then clear, as the ABI has it). */
bool fpu_guest_trap(struct vcpu *vcpu);
/* The guest's view of CR0.TS. Current vcpu only. */
void fpu_set_task_switched(struct vcpu *vcpu, bool set);

/* The 512 legacy bytes of vcpu_guest_context.fpu_ctxt, checked (reserved MXCSR bits are cleared).
 */
void fpu_set_legacy(struct vcpu *vcpu, const void *legacy);
void fpu_get_legacy(const struct vcpu *vcpu, void *legacy);

/* XSETBV by the current guest: false when the value is not allowed (it gets #GP). */
bool fpu_set_xcr0(struct vcpu *vcpu, uint64_t value);
