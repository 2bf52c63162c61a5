/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/segment.h"

#include "hypervisor/dispatcher/exception_table.h"
#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

/* A selector that no longer names a loadable segment becomes null. */
#define DEFINE_SEGMENT(name)                               \
    static uint16_t name##_read(void)                      \
    {                                                      \
        uint16_t value;                                    \
        asm volatile("mov %%" #name ", %0" : "=r"(value)); \
        return value;                                      \
    }                                                      \
    static void name##_load(uint16_t value)                \
    {                                                      \
        asm volatile("1: mov %k0, %%" #name "\n"           \
                     "jmp 3f\n"                            \
                     "2: xor %k0, %k0\n"                   \
                     "mov %k0, %%" #name "\n"              \
                     "3:\n" EXCEPTION_TABLE(1b, 2b)        \
                     : "+r"(value));                       \
    }
DEFINE_SEGMENT(ds)
DEFINE_SEGMENT(es)
DEFINE_SEGMENT(fs)
DEFINE_SEGMENT(gs)

void segment_save(struct vcpu *vcpu)
{
    struct vcpu_guest *guest = &vcpu->guest;
    uint64_t active = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

    guest->ds = ds_read();
    guest->es = es_read();
    guest->fs = fs_read();
    guest->gs = gs_read();
    guest->fs_base = rdmsr(MSR_FS_BASE);
    guest->gs_base_kernel = guest->kernel_mode ? active : other;
    guest->gs_base_user = guest->kernel_mode ? other : active;
}

void segment_load(struct vcpu *vcpu)
{
    const struct vcpu_guest *guest = &vcpu->guest;
    bool kernel = guest->kernel_mode;

    ds_load(guest->ds);
    es_load(guest->es);
    fs_load(guest->fs);
    gs_load(guest->gs);
    /*
     * Loading a selector wrote the base; the saved ones follow. The checked form, because not
     * every processor model refuses a non-canonical base in wrfsbase.
     */
    wrmsr_safe(MSR_FS_BASE, guest->fs_base);
    wrmsr_safe(MSR_GS_BASE, kernel ? guest->gs_base_kernel : guest->gs_base_user);
    wrmsr_safe(MSR_KERNEL_GS_BASE, kernel ? guest->gs_base_user : guest->gs_base_kernel);
}

void segment_swap_gs(void)
{
    asm volatile("swapgs" : : : "memory");
}

/* As the guest's kernel would: swapgs, load the selector (its base with it), swapgs. */
static void load_user_gs_selector(uint16_t selector)
{
    segment_swap_gs();
    gs_load(selector);
    segment_swap_gs();
}

SPARES_REGISTERS long do_set_segment_base(unsigned long which, uint64_t base)
{
    static const uint32_t registers[] = {
        [SEGBASE_FS] = MSR_FS_BASE,
        [SEGBASE_GS_USER] = MSR_KERNEL_GS_BASE,
        [SEGBASE_GS_KERNEL] = MSR_GS_BASE,
    };

    if (which < sizeof(registers) / sizeof(registers[0]) && address_canonical(base)) {
        wrmsr(registers[which], base);
        return 0;
    }
    if (which != SEGBASE_GS_USER_SEL)
        return -XEN_EINVAL;
    load_user_gs_selector((uint16_t)base);
    return 0;
}
