/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/tlb.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/smp.h"

/* A processor that has not flushed for that many ticks is flushed with the next request, so that
 * the clock's differences stay meaningful when it wraps. */
#define CLOCK_AGE_MAX (1U << 30)

static uint32_t clock_value = 1;
/*
 * Per processor: the clock at its last full flush, and the number of requests it has answered
 * (pcpu->flush_request counts those made). Written by the processor itself.
 */
static struct {
    volatile uint32_t flushed_at, answered;
} __attribute__((aligned(64))) state[PCPU_MAX];

uint32_t tlb_clock(void)
{
    return __atomic_load_n(&clock_value, __ATOMIC_SEQ_CST);
}

/*
 * The stamp is taken before the flush: whatever was given up earlier is gone afterwards. The
 * hypervisor's own entries are global: they outlive a load of CR3, but not a change of CR4.PGE
 * (Intel SDM volume 3, 4.10.4.1).
 */
void tlb_flush_local(void)
{
    uint32_t stamp = __atomic_add_fetch(&clock_value, 1, __ATOMIC_SEQ_CST);
    uint64_t cr4 = cr4_read();

    cr4_write(cr4 & ~CR4_PGE);
    cr4_write(cr4);
    state[this_pcpu()->id].flushed_at = stamp;
}

void tlb_flush_local_page(uint64_t address)
{
    invlpg(address);
}

void tlb_answer(void)
{
    struct pcpu *pcpu = this_pcpu();
    uint32_t request = pcpu->flush_request;

    if (request == state[pcpu->id].answered)
        return;
    tlb_flush_local();
    __atomic_store_n(&state[pcpu->id].answered, request, __ATOMIC_RELEASE);
}

static uint64_t add_aged(uint64_t mask)
{
    uint32_t now = tlb_clock();

    for (unsigned id = 0; id < pcpu_count; id++)
        if (now - state[id].flushed_at > CLOCK_AGE_MAX)
            mask |= 1UL << id;
    return mask;
}

/* Ask every processor of the mask but this one; the answers are awaited with ours going on. */
static void request_and_wait(uint64_t mask)
{
    uint32_t request[PCPU_MAX];

    for (unsigned id = 0; id < pcpu_count; id++) {
        if (!(mask >> id & 1))
            continue;
        request[id] = __atomic_add_fetch(&pcpu_of(id)->flush_request, 1, __ATOMIC_SEQ_CST);
        smp_send(pcpu_of(id), VECTOR_TLB);
    }
    for (unsigned id = 0; id < pcpu_count; id++) {
        if (!(mask >> id & 1))
            continue;
        while ((int32_t)(__atomic_load_n(&state[id].answered, __ATOMIC_ACQUIRE) - request[id]) <
               0) {
            tlb_answer();
            cpu_relax();
        }
    }
}

void tlb_flush_mask(uint64_t pcpu_mask)
{
    struct pcpu *self = this_pcpu();
    uint64_t mask = add_aged(pcpu_mask) & pcpu_online_mask();

    if (pcpu_mask >> self->id & 1)
        tlb_flush_local();
    request_and_wait(mask & ~(1UL << self->id));
}

void tlb_flush_all(void)
{
    tlb_flush_mask(~0UL);
}

void tlb_flush_stale(struct domain *domain, uint32_t stamp)
{
    uint64_t candidates =
        domain ? __atomic_load_n(&domain->ran_on, __ATOMIC_SEQ_CST) : pcpu_online_mask();
    uint64_t mask = 0;

    for (unsigned id = 0; id < pcpu_count; id++)
        if ((candidates >> id & 1) && (int32_t)(state[id].flushed_at - stamp) <= 0)
            mask |= 1UL << id;
    if (mask)
        tlb_flush_mask(mask);
}
