/* SPDX-License-Identifier: MIT */
/*
 * TLB flushing across processors. A clock counts flushes: a frame remembers the clock's value at
 * the moment its last reference of a type went (frame->tlb_stamp); a processor whose last full
 * flush is later cannot hold a stale translation of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"

struct domain;

uint32_t tlb_clock(void);

static inline void tlb_flush_local(void); /* all of this processor's guest translations */
static inline void tlb_flush_local_page(uint64_t address);
/* Processors in the mask (bit per pcpu id), waits until done. No spinlock above LOCK_LEVEL_MMU
 * held. */
void tlb_flush_mask(uint64_t pcpu_mask);
void tlb_flush_all(void);
/* Every processor that may hold a translation older than `stamp`, among the holders of those of
 * `domain`; NULL: among all. */
void tlb_flush_stale(struct domain *domain, uint32_t stamp);
/*
 * Which processors may hold translations of a domain: those that run one of its vcpus, for the load
 * of another's table forgets them. A processor is in before it loads a table of the domain, and
 * out after it has loaded another's. Who has changed a table of the domain and then finds a
 * processor out knows that it will see the change when it comes back.
 */
void tlb_domain_enters(struct domain *domain);
void tlb_domain_left(struct domain *domain);
uint64_t tlb_holders(const struct domain *domain);

/* Answer a pending shootdown; called by spinning locks and by the IPI. */
void tlb_answer(void);

/* Every so many flushes all processors are asked for one, so that no processor's last flush is ever
 * so long ago that the clock's differences would lose their meaning. */
#define TLB_CLOCK_ROUND (1U << 28)

extern uint32_t tlb_clock_value; /* only for here and tlb.c */
void tlb_ask_all_others(void);

/*
 * The stamp is taken before the flush: whatever was given up earlier is gone afterwards. A load of
 * CR3 forgets all but global entries (Intel SDM volume 3, 4.10.4.1); none of a guest is global, and
 * of the hypervisor's own those that ever change are not.
 */
static inline void tlb_flush_local(void)
{
    uint32_t stamp = __atomic_add_fetch(&tlb_clock_value, 1, __ATOMIC_SEQ_CST);

    cr3_write(cr3_read());
    this_pcpu()->flushed_at = stamp;
    if (__builtin_expect(stamp % TLB_CLOCK_ROUND == 0, 0))
        tlb_ask_all_others();
}

static inline void tlb_flush_local_page(uint64_t address)
{
    invlpg(address);
}
