/* SPDX-License-Identifier: MIT */
/*
 * A guest's descriptor tables. Their frames (FRAME_TYPE_DESCRIPTOR, every descriptor checked) are
 * recorded in vcpu->guest, one reference each, and mapped into the descriptor window of the
 * processor that runs the vcpu; unused window pages show a page of zeros, whose descriptors are
 * not present. GDTR never changes; the GDT's limit ends with the hypervisor's own page.
 */
#pragma once

#include <stdint.h>

struct vcpu;
struct pcpu;

/* Fill the window of a new processor with the page of zeros, beside its own GDT page. */
void descriptor_window_init(struct pcpu *pcpu);
/* The window follows the vcpu; the caller reloads CR3 afterwards. */
void descriptor_window_load(const struct vcpu *vcpu, struct pcpu *pcpu);

/*
 * Frames of a guest's GDT: `entries` descriptors in as many pages as they need. References are
 * taken; the old ones are dropped. 0, -XEN_EINVAL.
 */
int descriptor_set_gdt(struct vcpu *vcpu, const uint64_t *frames, unsigned entries);
/* LDT at a linear address of the current guest (0 entries = none). 0, -XEN_EINVAL. */
int descriptor_set_ldt(struct vcpu *vcpu, uint64_t address, unsigned entries);
void descriptor_release(struct vcpu *vcpu);
