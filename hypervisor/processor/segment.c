/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/segment.h"

#include <stddef.h>

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

#define DEFINE_BASE(name)                                  \
    static uint64_t name##_base_read(void)                 \
    {                                                      \
        uint64_t value;                                    \
        asm volatile("rd" #name "base %0" : "=r"(value));  \
        return value;                                      \
    }                                                      \
    static void name##_base_write(uint64_t value)          \
    {                                                      \
        asm volatile("wr" #name "base %0" : : "r"(value)); \
    }
DEFINE_BASE(fs)
DEFINE_BASE(gs)

/* All four, to be looked at as one number. */
static uint64_t selectors(const struct vcpu_guest *guest)
{
    uint64_t all;

    _Static_assert(offsetof(struct vcpu_guest, gs) - offsetof(struct vcpu_guest, ds) ==
                       sizeof(all) - sizeof(guest->gs),
                   "ds, es, fs, gs in a row");
    __builtin_memcpy(&all, &guest->ds, sizeof(all)); /* in place */
    return all;
}

void segment_swap_gs(void)
{
    asm volatile("swapgs" : : : "memory");
}

/* With the instructions, the two GS bases stay exchanged until segment_load(). */
void segment_save(struct vcpu *vcpu, struct pcpu *pcpu)
{
    struct vcpu_guest *guest = &vcpu->guest;
    bool kernel = guest->kernel_mode;

    guest->ds = ds_read();
    guest->es = es_read();
    guest->fs = fs_read();
    guest->gs = gs_read();
    pcpu->selectors = selectors(guest);
    uint64_t *active = kernel ? &guest->gs_base_kernel : &guest->gs_base_user;
    uint64_t *other = kernel ? &guest->gs_base_user : &guest->gs_base_kernel;
    if (!cpu_features.fsgsbase) {
        guest->fs_base = rdmsr(MSR_FS_BASE);
        *active = rdmsr(MSR_GS_BASE);
        *other = rdmsr(MSR_KERNEL_GS_BASE);
        return;
    }
    guest->fs_base = fs_base_read();
    *active = gs_base_read();
    segment_swap_gs();
    *other = gs_base_read();
}

/*
 * A null selector over a null one changes nothing. Loading others writes the bases; the saved ones
 * follow. They need no check: all are canonical, but for those that a guest wrote itself, by an
 * instruction of a processor model that refuses none.
 */
void segment_load(const struct vcpu *vcpu, struct pcpu *pcpu)
{
    const struct vcpu_guest *guest = &vcpu->guest;
    bool kernel = guest->kernel_mode;
    uint64_t active = kernel ? guest->gs_base_kernel : guest->gs_base_user;
    uint64_t other = kernel ? guest->gs_base_user : guest->gs_base_kernel;

    if (selectors(guest) | pcpu->selectors) {
        ds_load(guest->ds);
        es_load(guest->es);
        fs_load(guest->fs);
        gs_load(guest->gs);
        pcpu->selectors = selectors(guest);
    }
    if (!cpu_features.fsgsbase) {
        wrmsr_safe(MSR_FS_BASE, guest->fs_base);
        wrmsr_safe(MSR_GS_BASE, active);
        wrmsr_safe(MSR_KERNEL_GS_BASE, other);
        return;
    }
    fs_base_write(guest->fs_base);
    gs_base_write(other);
    segment_swap_gs();
    gs_base_write(active);
}

/* As the guest's kernel would: swapgs, load the selector (its base with it), swapgs. */
static void load_user_gs_selector(uint16_t selector)
{
    segment_swap_gs();
    gs_load(selector);
    segment_swap_gs();
}

static __attribute__((noinline)) long base_set(unsigned long which, uint64_t base)
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

/* What each context switch of a guest asks for goes without an MSR, if the processor knows how. */
SPARES_REGISTERS long do_set_segment_base(unsigned long which, uint64_t base)
{
    if (which == SEGBASE_FS && cpu_features.fsgsbase && address_canonical(base)) {
        fs_base_write(base);
        return 0;
    }
    return base_set(which, base);
}
