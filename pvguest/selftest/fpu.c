/* SPDX-License-Identifier: MIT */
/* FPU state across other domains' and the hypervisor's use; fpu_taskswitch and #NM. */
#include "lib/string.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/selftest/check.h"

#define SLEEP_NS 3000000UL

/* The save area as the processor writes it: control words first, XMM registers from 160. */
struct area {
    uint8_t bytes[512];
} __attribute__((aligned(16)));

#define CONTROL_WORD 0
#define MXCSR        24
#define XMM          160

static void save(struct area *area)
{
    __asm__ __volatile__("fxsave64 %0" : "=m"(*area));
}

static void restore(const struct area *area)
{
    __asm__ __volatile__("fxrstor64 %0" ::"m"(*area));
}

static void kept_across_blocking(void)
{
    static struct area original, pattern, after;

    save(&original);
    pattern = original;
    pattern.bytes[CONTROL_WORD + 1] = 0x02; /* another rounding and precision */
    pattern.bytes[MXCSR + 1] |= 0x60;       /* round toward zero */
    for (int i = 0; i < 256; i++)
        pattern.bytes[XMM + i] = (uint8_t)(i * 7 + 3);
    restore(&pattern);
    thread_sleep_ns(SLEEP_NS);
    save(&after);
    restore(&original);
    EXPECT_VALUE(0, memcmp(&after.bytes[XMM], &pattern.bytes[XMM], 256));
    EXPECT_VALUE(0, memcmp(&after.bytes[MXCSR], &pattern.bytes[MXCSR], 4));
    EXPECT_VALUE(0, memcmp(&after.bytes[CONTROL_WORD], &pattern.bytes[CONTROL_WORD], 2));
}

static void use_fpu(void *argument)
{
    (void)argument;
    __asm__ __volatile__("fnop");
}

/* The exception is delivered once; by then the flag is cleared, as the ABI has it. */
static void task_switch_flag(void)
{
    struct fault fault;

    EXPECT_VALUE(0, hypercall_fpu_taskswitch(1));
    EXPECT(fault_catch(use_fpu, NULL, &fault));
    EXPECT_VALUE(7, fault.vector);
    EXPECT(!fault_catch(use_fpu, NULL, &fault));
    EXPECT_VALUE(0, hypercall_fpu_taskswitch(1));
    EXPECT_VALUE(0, hypercall_fpu_taskswitch(0));
    EXPECT(!fault_catch(use_fpu, NULL, &fault));
}

static void task_switch_flag_kept_across_blocking(void)
{
    struct fault fault;

    EXPECT_VALUE(0, hypercall_fpu_taskswitch(1));
    thread_sleep_ns(SLEEP_NS);
    EXPECT(fault_catch(use_fpu, NULL, &fault));
    EXPECT_VALUE(7, fault.vector);
}

const struct check fpu_checks[] = {
    {"fpu: state kept across blocking", kept_across_blocking},
    {"fpu_taskswitch: sets and clears the flag", task_switch_flag},
    {"fpu_taskswitch: flag kept across blocking", task_switch_flag_kept_across_blocking},
    {NULL, NULL},
};
