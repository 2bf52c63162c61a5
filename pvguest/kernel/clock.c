/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/clock.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/vcpu.h"

#include <stddef.h>
#include <xen/vcpu.h>

#define NANOSECONDS 1000000000UL

uint64_t clock_scale(const struct vcpu_time_info *time, uint64_t tsc)
{
    uint64_t ticks = tsc - time->tsc_timestamp;

    if (time->tsc_shift >= 0)
        ticks <<= time->tsc_shift;
    else
        ticks >>= -time->tsc_shift;
    return time->system_time +
           (uint64_t)(((unsigned __int128)ticks * time->tsc_to_system_mul) >> 32);
}

/* An odd version, or another one afterwards, says that the record changed under the reader. */
uint64_t clock_read(const struct vcpu_time_info *shared)
{
    for (;;) {
        uint32_t version = READ_ONCE(shared->version);
        struct vcpu_time_info time;
        uint64_t now;

        read_barrier();
        time = *shared;
        now = clock_scale(&time, clock_tsc());
        read_barrier();
        if (!(version & 1) && READ_ONCE(shared->version) == version)
            return now;
    }
}

uint64_t clock_monotonic_ns(void)
{
    static uint64_t latest;
    uint64_t now = clock_read(&vcpu_current_info()->time);
    uint64_t seen = __atomic_load_n(&latest, __ATOMIC_RELAXED);

    while (seen < now)
        if (__atomic_compare_exchange_n(&latest, &seen, now, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return now;
    return seen;
}

uint64_t clock_wall_seconds(void)
{
    for (;;) {
        uint32_t version = READ_ONCE(shared_info->wc_version);
        uint64_t seconds, nanoseconds;

        read_barrier();
        seconds = READ_ONCE(shared_info->wc_sec) | (uint64_t)READ_ONCE(shared_info->wc_sec_hi)
                                                       << 32;
        nanoseconds = READ_ONCE(shared_info->wc_nsec);
        read_barrier();
        if (!(version & 1) && READ_ONCE(shared_info->wc_version) == version)
            return seconds + (nanoseconds + clock_monotonic_ns()) / NANOSECONDS;
    }
}

void clock_set_timer(uint64_t deadline_ns)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = deadline_ns};

    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, vcpu_current()->number, &timer);
}
