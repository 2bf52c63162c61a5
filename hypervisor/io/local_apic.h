/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of the executing processor: its timer, interrupts to other processors, end of
 * interrupt. Memory-mapped registers, or MSRs where the firmware has switched x2APIC mode on (as it
 * must with APIC ids above 254). No lock: each processor has its own; interrupts are off.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Boot processor: find the registers, switch the 8259 off. */
void local_apic_start(void);
/* Each processor: enable its APIC, mask all local sources, timer off. */
void local_apic_enable(void);
uint32_t local_apic_id(void);
void local_apic_end_of_interrupt(void);

/*
 * One shot at a system time in ns, in place of the one before, as exactly as the timer counts;
 * early if it cannot count that far.
 */
void local_apic_timer_set(uint64_t deadline);
/*
 * Measure the timer against the TSC, from the one call to the other, which lie some milliseconds
 * apart; before the second the clock has been started. Boot processor, its APIC enabled.
 */
void local_apic_timer_measure(void);
void local_apic_timer_measured(void);

void local_apic_send(uint32_t apic_id, uint8_t vector);
/* To all other processors, whether they are known or not. */
void local_apic_send_nmi_others(void);
void local_apic_send_init(uint32_t apic_id);
void local_apic_send_startup(uint32_t apic_id, uint8_t page);
