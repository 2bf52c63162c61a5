/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs: one redirection entry per global system interrupt (GSI). Fixed delivery, physical
 * destination. The caller's lock (irq_lock) guards it; start-up needs none.
 *
 * An edge-triggered interrupt needs nothing but the local APIC's end. A level-triggered one stays
 * asserted until its device is quiet: io/irq.c masks the pin when it fires, ends the interrupt at
 * the local APIC at once, and unmasks when its domain says that it has been dealt with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Map all I/O APICs and mask all their pins. */
void io_apic_start(void);
/* One more than the highest GSI. */
unsigned io_apic_gsi_count(void);
bool io_apic_has_gsi(unsigned gsi);

/* Deliver a GSI as `vector` to one processor; starts masked. 0 or -XEN_EINVAL (no such pin). */
int io_apic_route(unsigned gsi, uint8_t vector, uint32_t apic_id, bool level_triggered,
                  bool active_low);
void io_apic_mask(unsigned gsi);
void io_apic_unmask(unsigned gsi);

/* How an ISA interrupt is wired: its GSI and the trigger of the firmware's override. */
unsigned io_apic_isa_gsi(unsigned irq, bool *level_triggered, bool *active_low);
/* Raw registers, for PHYSDEVOP_apic_read: 0, or -XEN_EINVAL when no I/O APIC is there. */
int io_apic_read_register(uint64_t physical, uint32_t index, uint32_t *value);
