/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/clock.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/processor/clock_calibrate.h"
#include "hypervisor/processor/clock_scale.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/wall_clock.h"

#define SECOND_NS    1000000000UL
#define DELAY_ROUNDS 200

/* Written once at start-up. */
static struct clock_scale scale;
static uint64_t tsc_base; /* the TSC at system time 0 */
static uint64_t tsc_khz;

static uint64_t wall_start; /* atomic; Unix time in ns at system time 0 */

void clock_start(void)
{
    struct clock_measurement measured = clock_calibrate();

    scale = clock_scale_make(measured.ticks, measured.nanoseconds);
    tsc_khz = measured.ticks * 1000000 / measured.nanoseconds;
    tsc_base = rdtsc();
    wall_start = wall_clock_read() * SECOND_NS;
    printk("TSC at %lu.%03lu MHz, measured by the %s\n", tsc_khz / 1000, tsc_khz % 1000,
           measured.reference);
}

uint64_t clock_tsc_to_ns(uint64_t tsc)
{
    return clock_scale_ticks(scale, tsc - tsc_base);
}

uint64_t clock_now(void)
{
    return clock_tsc_to_ns(rdtsc());
}

uint64_t clock_ns_to_tsc(uint64_t system_time)
{
    return tsc_base + clock_scale_nanoseconds(scale, system_time);
}

uint64_t clock_ns_to_tsc_delta(uint64_t ns)
{
    return clock_scale_nanoseconds(scale, ns);
}

uint64_t clock_tsc_khz(void)
{
    return tsc_khz;
}

uint64_t clock_wall_start_ns(void)
{
    return __atomic_load_n(&wall_start, __ATOMIC_RELAXED);
}

void clock_delay_us(uint64_t microseconds)
{
    uint64_t end = rdtsc() + clock_scale_nanoseconds(scale, microseconds * 1000);

    /* Looked at rarely: under emulation the TSC costs more than the loop. */
    while ((int64_t)(rdtsc() - end) < 0) {
        cpu_relax();
        for (unsigned i = 0; i < DELAY_ROUNDS; i++)
            asm volatile("" : : : "memory");
    }
}

/*
 * The guest computes with the same base, scale and rounding as clock_now(): its time never differs
 * from ours and needs no refresh.
 */
void clock_update_vcpu(struct vcpu *vcpu)
{
    struct vcpu_time_info *time = &vcpu->info->time;
    uint32_t version = READ_ONCE(time->version);

    WRITE_ONCE(time->version, version | 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    time->tsc_timestamp = tsc_base;
    time->system_time = 0;
    time->tsc_to_system_mul = scale.multiplier;
    time->tsc_shift = scale.shift;
    time->flags = cpu_features.invariant_tsc ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(time->version, (version | 1) + 1);
}

void clock_update_wall(struct domain *domain)
{
    struct shared_info *shared = domain->shared_info;
    uint64_t start = clock_wall_start_ns() + (uint64_t)domain->time_offset_seconds * SECOND_NS;
    uint32_t version = READ_ONCE(shared->wc_version);

    WRITE_ONCE(shared->wc_version, version | 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    shared->wc_sec = (uint32_t)(start / SECOND_NS);
    shared->wc_sec_hi = (uint32_t)(start / SECOND_NS >> 32);
    shared->wc_nsec = (uint32_t)(start % SECOND_NS);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(shared->wc_version, (version | 1) + 1);
}

void clock_set_wall(uint64_t start_ns)
{
    __atomic_store_n(&wall_start, start_ns, __ATOMIC_RELAXED);
    struct domain *domain = domain_get_next(0);
    while (domain) {
        unsigned next = domain->id + 1U;
        clock_update_wall(domain);
        domain_put(domain);
        domain = domain_get_next(next);
    }
}
