/* SPDX-License-Identifier: MIT */
/* Hypercalls that do next to nothing, emulated instructions, and controls without a hypervisor. */
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/hypercall.h"

#include <xen/version.h>

#define BATCH      32
#define MSR_EFER   0xc0000080
#define EFER_LONG  (1u << 10)
#define CR0_TS     (1UL << 3)
#define FAR_FUTURE (3600UL * 1000000000)

static unsigned long sum;
static struct multicall_entry calls[BATCH];

static void empty_loop(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        __asm__ __volatile__("" : "+r"(i));
}

static void read_clock(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        sum += clock_monotonic_ns();
}

static void null_hypercall(unsigned int count)
{
    sum = 0;
    for (unsigned int i = 0; i < count; i++)
        sum += (unsigned long)hypercall_xen_version(XENVER_version, NULL);
}

static bool versions_came(unsigned int count)
{
    return sum == count * (unsigned long)hypercall_xen_version(XENVER_version, NULL);
}

static void multicall(unsigned int count)
{
    for (unsigned int done = 0; done < count; done += BATCH) {
        for (unsigned int i = 0; i < BATCH; i++) {
            calls[i].op = __HYPERVISOR_xen_version;
            calls[i].args[0] = XENVER_version;
            calls[i].args[1] = 0;
            calls[i].result = 0;
        }
        hypercall_multicall(calls, BATCH);
    }
}

static bool multicall_answered(unsigned int count)
{
    unsigned long version = (unsigned long)hypercall_xen_version(XENVER_version, NULL);

    (void)count;
    for (unsigned int i = 0; i < BATCH; i++)
        if (calls[i].result != version)
            return false;
    return true;
}

static void read_msr(unsigned int count)
{
    uint32_t low, high;

    sum = 0;
    for (unsigned int i = 0; i < count; i++) {
        __asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
        sum += low & EFER_LONG ? 1 : 0;
    }
}

static void forced_cpuid(unsigned int count)
{
    sum = 0;
    for (unsigned int i = 0; i < count; i++) {
        uint32_t a = 0x40000000, b, c = 0, d;
        __asm__ __volatile__(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        sum += b == 0x566e6558; /* "XenV" */
    }
}

static bool sum_is_count(unsigned int count)
{
    return sum == count;
}

static void segment_base(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&sum);
}

static bool segment_base_set(unsigned int count)
{
    unsigned long value;

    (void)count;
    sum = 4711;
    __asm__ __volatile__("movq %%fs:0, %0" : "=r"(value));
    return value == 4711;
}

static void segment_base_end(void)
{
    hypercall_set_segment_base(SEGBASE_FS, 0);
}

static void fpu_switch(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        hypercall_fpu_taskswitch(1);
        hypercall_fpu_taskswitch(0);
    }
}

static bool fpu_flag_clear(unsigned int count)
{
    unsigned long cr0;

    (void)count;
    hypercall_fpu_taskswitch(1);
    __asm__ __volatile__("movq %%cr0, %0" : "=r"(cr0));
    hypercall_fpu_taskswitch(0);
    return cr0 & CR0_TS;
}

/* Later each time, as one who puts off a time-out does. */
static void set_timer(unsigned int count)
{
    uint64_t deadline = clock_monotonic_ns() + FAR_FUTURE;

    sum = 0;
    for (unsigned int i = 0; i < count; i++)
        sum += hypercall_set_timer_op(deadline++) == 0;
}

static void timer_off(void)
{
    hypercall_set_timer_op(0);
}

const struct row basic_rows[] = {
    {"control_empty_loop", 100000, NULL, empty_loop, NULL, NULL},
    {"control_read_clock", 20000, NULL, read_clock, NULL, NULL},
    {"null_hypercall", 20000, NULL, null_hypercall, versions_came, NULL},
    {"multicall_entry", 20000 / BATCH *BATCH, NULL, multicall, multicall_answered, NULL},
    {"emulated_rdmsr", 5000, NULL, read_msr, sum_is_count, NULL},
    {"emulated_cpuid", 5000, NULL, forced_cpuid, sum_is_count, NULL},
    {"segment_base", 10000, NULL, segment_base, segment_base_set, segment_base_end},
    {"fpu_taskswitch_pair", 10000, NULL, fpu_switch, fpu_flag_clear, NULL},
    {"timer_set", 10000, NULL, set_timer, sum_is_count, timer_off},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
