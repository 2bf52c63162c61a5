/* SPDX-License-Identifier: MIT */
/*
 * The other processors: starting them (INIT, STARTUP), interrupts between processors, stopping.
 */
#pragma once

#include <stdint.h>

struct pcpu;

/*
 * Boot processor, after pcpu_create(0) and pcpu_load(): enable the local APIC and its timer, then
 * start every processor of the MADT, one after the other. One that does not answer is left out.
 */
void smp_start(void);

/* An interrupt for another processor (or this one). */
void smp_send(const struct pcpu *pcpu, uint8_t vector);

/* Our own vectors but the timer's: called by the trap dispatcher after the end of interrupt. */
void smp_interrupt(unsigned vector);
/* NMI: the way a processor is stopped; any other is ignored. */
void smp_nmi(void);

/* For the machine's end: all other processors halt for good, whatever they do, and have done so
 * when it returns. Of two that call it, one goes on. */
void smp_stop_others(void);
