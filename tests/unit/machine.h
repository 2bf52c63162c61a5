/* SPDX-License-Identifier: MIT */
/*
 * A machine of MACHINE_FRAMES frames for tests of hypervisor/memory: memory, frame table and
 * machine-to-physical table in host memory, one processor, locks that only remember who holds them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"

#define MACHINE_FRAMES 1024
#define TEST_DOMAINS   2

extern struct domain domains[TEST_DOMAINS]; /* 0 is privileged */
extern unsigned flushes;            /* calls of tlb_flush_stale that found something stale */
extern unsigned flushes_everywhere; /* of them for all processors */
extern unsigned clock_now_value;    /* the TLB clock */

/* A fresh machine: all frames but 0 free, two empty domains without limit. */
void machine_reset(void);
/* Whatever runs now: a processor that holds translations; pretend that it flushed just now. */
void machine_processor_flushed(void);

/* A frame of a domain, its memory, its entries. */
struct frame *machine_frame(struct domain *domain);
uint64_t *machine_entries(const struct frame *frame);
uint64_t machine_entry(const struct frame *frame, uint64_t flags);

/* The audit of both domains finds nothing. */
void machine_audit(void);
