/* SPDX-License-Identifier: MIT */
/*
 * A guest's debug registers: checked when set, loaded only while a vcpu with enabled breakpoints
 * runs. No breakpoint may lie on a hypervisor address (XSA-444).
 */
#pragma once

struct vcpu;

void debug_register_load(const struct vcpu *vcpu);   /* entering */
void debug_register_unload(const struct vcpu *vcpu); /* leaving */
/* #DB from the guest: DR6 moves into the guest's view. */
void debug_register_trap(struct vcpu *vcpu);
/* #DB in ring 0. */
void debug_register_clear_status(void);
/* 0, -XEN_EINVAL, -XEN_EPERM, -XEN_ENODEV; takes effect at once on the current vcpu. */
long debug_register_set(struct vcpu *vcpu, unsigned number, unsigned long value);
