/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/debug_register.h"

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

/* Intel SDM volume 3, 17.2. */
#define DR6_FIXED          0xffff0ff0UL
#define DR6_WRITABLE       0x0000e00fUL
#define DR7_FIXED          0x00000400UL
#define DR7_RESERVED       0x0000d800UL
#define DR7_ENABLES        0xffUL
#define DR7_GENERAL_DETECT (1UL << 13)

#define DEFINE_DEBUG_WRITE(number)                           \
    static void dr##number##_write(uint64_t value)           \
    {                                                        \
        asm volatile("mov %0, %%db" #number : : "r"(value)); \
    }
DEFINE_DEBUG_WRITE(0)
DEFINE_DEBUG_WRITE(1)
DEFINE_DEBUG_WRITE(2)
DEFINE_DEBUG_WRITE(3)
DEFINE_DEBUG_WRITE(6)
DEFINE_DEBUG_WRITE(7)

static bool breakpoints_enabled(const struct vcpu *vcpu)
{
    return vcpu->guest.debug[7] & DR7_ENABLES;
}

void debug_register_load(const struct vcpu *vcpu)
{
    const uint64_t *debug = vcpu->guest.debug;

    if (!breakpoints_enabled(vcpu))
        return;
    dr0_write(debug[0]);
    dr1_write(debug[1]);
    dr2_write(debug[2]);
    dr3_write(debug[3]);
    dr6_write(debug[6]);
    dr7_write(debug[7]);
}

void debug_register_unload(const struct vcpu *vcpu)
{
    if (!breakpoints_enabled(vcpu))
        return;
    dr7_write(DR7_FIXED);
    dr6_write(DR6_FIXED); /* the next vcpu's first #DB must not show what was left in there */
}

void debug_register_trap(struct vcpu *vcpu)
{
    uint64_t status;

    asm volatile("mov %%db6, %0" : "=r"(status));
    vcpu->guest.debug[6] |= status & (DR6_WRITABLE | 0xf);
    dr6_write(DR6_FIXED);
}

void debug_register_clear_status(void)
{
    dr6_write(DR6_FIXED);
}

/* I/O breakpoints (type 2) are not offered, nor is general detect; reserved bits are normalised. */
static long control_check(unsigned long *value)
{
    if (*value >> 32)
        return -XEN_EPERM;
    *value = (*value & ~(DR7_RESERVED | DR7_GENERAL_DETECT)) | DR7_FIXED;
    for (unsigned i = 0; i < 4; i++)
        if ((*value >> (16 + 4 * i) & 3) == 2)
            return -XEN_EPERM;
    return 0;
}

long debug_register_set(struct vcpu *vcpu, unsigned number, unsigned long value)
{
    bool live = vcpu == current_vcpu();
    long error = 0;

    switch (number) {
    case 0 ... 3:
        if (!guest_range_ok(guest_ptr(value), 8))
            return -XEN_EPERM;
        break;
    case 4:
    case 5:
        return -XEN_ENODEV;
    case 6:
        if (value >> 32)
            return -XEN_EPERM;
        value = (value & DR6_WRITABLE) | DR6_FIXED;
        break;
    case 7:
        error = control_check(&value);
        break;
    default:
        return -XEN_EINVAL;
    }
    if (error)
        return error;
    if (live)
        debug_register_unload(vcpu);
    vcpu->guest.debug[number] = value;
    if (live)
        debug_register_load(vcpu);
    return 0;
}

long do_set_debugreg(unsigned long number, unsigned long value)
{
    if (number > 7)
        return -XEN_EINVAL;
    return debug_register_set(current_vcpu(), (unsigned)number, value);
}

long do_get_debugreg(unsigned long number)
{
    const uint64_t *debug = current_vcpu()->guest.debug;

    switch (number) {
    case 0 ... 3:
        return (long)debug[number];
    case 6:
        return (long)(debug[6] | DR6_FIXED);
    case 7:
        return (long)(debug[7] | DR7_FIXED);
    case 4:
    case 5:
        return -XEN_ENODEV;
    default:
        return -XEN_EINVAL;
    }
}
