/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/tlb.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/smp.h"

uint32_t tlb_clock_value = 1;

uint32_t tlb_clock(void)
{
    return __atomic_load_n(&tlb_clock_value, __ATOMIC_SEQ_CST);
}

/* The number of the request, which the processor tells when it has answered. */
static uint32_t ask(unsigned id)
{
    struct pcpu *pcpu = pcpu_of(id);
    ASSERT(pcpu);
    uint32_t request = __atomic_add_fetch(&pcpu->flush_request, 1, __ATOMIC_SEQ_CST);

    smp_send(pcpu, VECTOR_TLB);
    return request;
}

/* Without waiting: they have until the clock's next rounds. */
__attribute__((cold)) void tlb_ask_all_others(void)
{
    uint64_t mask = pcpu_online_mask() & ~(1UL << this_pcpu()->id);

    for (; mask; mask &= mask - 1)
        ask((unsigned)__builtin_ctzl(mask));
}

void tlb_answer(void)
{
    struct pcpu *pcpu = this_pcpu();
    uint32_t request = pcpu->flush_request;

    if (request == pcpu->flush_answered)
        return;
    tlb_flush_local();
    __atomic_store_n(&pcpu->flush_answered, request, __ATOMIC_RELEASE);
}

/* Ask every processor of the mask, not this one; the answers are awaited with ours going on. */
static __attribute__((noinline)) void request_and_wait(uint64_t mask)
{
    uint32_t request[PCPU_MAX];

    for (uint64_t left = mask; left; left &= left - 1) {
        unsigned id = (unsigned)__builtin_ctzl(left);
        request[id] = ask(id);
    }
    for (uint64_t left = mask; left; left &= left - 1) {
        unsigned id = (unsigned)__builtin_ctzl(left);
        const volatile uint32_t *answered = &pcpu_of(id)->flush_answered;
        while ((int32_t)(__atomic_load_n(answered, __ATOMIC_ACQUIRE) - request[id]) < 0) {
            tlb_answer();
            cpu_relax();
        }
    }
}

void tlb_flush_mask(uint64_t pcpu_mask)
{
    uint64_t self = 1UL << this_pcpu()->id, others = pcpu_mask & ~self;

    if (pcpu_mask & self)
        tlb_flush_local();
    if (others)
        others &= pcpu_online_mask();
    if (others)
        request_and_wait(others);
}

void tlb_domain_enters(struct domain *domain)
{
    __atomic_fetch_or(&domain->ran_on, 1UL << this_pcpu()->id, __ATOMIC_SEQ_CST);
}

void tlb_domain_left(struct domain *domain)
{
    __atomic_fetch_and(&domain->ran_on, ~(1UL << this_pcpu()->id), __ATOMIC_SEQ_CST);
}

/* The change of the table must be visible before the look: a processor that enters looks up later.
 */
uint64_t tlb_holders(const struct domain *domain)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&domain->ran_on, __ATOMIC_RELAXED);
}

void tlb_flush_all(void)
{
    tlb_flush_mask(~0UL);
}

void tlb_flush_stale(struct domain *domain, uint32_t stamp)
{
    uint64_t candidates = domain ? tlb_holders(domain) : pcpu_online_mask();
    uint64_t mask = 0;

    for (; candidates; candidates &= candidates - 1) {
        unsigned id = (unsigned)__builtin_ctzl(candidates);
        if ((int32_t)(pcpu_of(id)->flushed_at - stamp) <= 0)
            mask |= 1UL << id;
    }
    if (mask)
        tlb_flush_mask(mask);
}
