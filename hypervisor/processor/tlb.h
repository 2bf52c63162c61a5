/* SPDX-License-Identifier: MIT */
/*
 * TLB flushing across processors. A clock counts flushes: a frame remembers the clock's value at
 * the moment its last reference of a type went (frame->tlb_stamp); a processor whose last full
 * flush is later cannot hold a stale translation of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct domain;

uint32_t tlb_clock(void);

void tlb_flush_local(void); /* all of this processor's guest translations */
void tlb_flush_local_page(uint64_t address);
/* Processors in the mask (bit per pcpu id), waits until done. No spinlock above LOCK_LEVEL_MMU
 * held. */
void tlb_flush_mask(uint64_t pcpu_mask);
void tlb_flush_all(void);
/* Every processor that may hold a translation older than `stamp`, among those `domain` ran on;
 * NULL: among all. */
void tlb_flush_stale(struct domain *domain, uint32_t stamp);
/* Answer a pending shootdown; called by spinning locks and by the IPI. */
void tlb_answer(void);
