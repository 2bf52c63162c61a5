/* SPDX-License-Identifier: MIT */
#include "hypervisor/interpreter/cpuid.h"

#include <xen/arch-x86/cpuid.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/version.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

#define BIT(number) (1u << (number))

/* Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. Cleared: what a PV guest cannot use. */
#define LEAF1_EDX_CLEARED                                                        \
    (BIT(1) /* VME */ | BIT(2) /* DE */ | BIT(3) /* PSE */ | BIT(12) /* MTRR */  \
     | BIT(13) /* PGE */ | BIT(16) /* PAT, kept below */ | BIT(17) /* PSE36 */ | \
     BIT(21) /* DS */ | BIT(22) /* ACPI */ | BIT(29) /* TM */)
#define LEAF1_EDX_KEPT BIT(16)
#define LEAF1_ECX_CLEARED                                                                  \
    (BIT(2) /* DTES64 */ | BIT(3) /* MONITOR */ | BIT(4) /* DS-CPL */ | BIT(5) /* VMX */ | \
     BIT(6) /* SMX */ | BIT(7) /* EST */ | BIT(8) /* TM2 */ | BIT(14) /* xTPR */ |         \
     BIT(15) /* PDCM */ | BIT(17) /* PCID */ | BIT(18) /* DCA */ | BIT(21) /* x2APIC */ |  \
     BIT(24) /* TSC deadline */)
#define LEAF1_ECX_XSAVE      BIT(26)
#define LEAF1_ECX_OSXSAVE    BIT(27)
#define LEAF1_ECX_AVX        BIT(28)
#define LEAF1_ECX_HYPERVISOR BIT(31)
#define LEAF7_EBX_OFFERED                                                                         \
    (BIT(0) /* FSGSBASE */ | BIT(3) /* BMI1 */ | BIT(5) /* AVX2 */ | BIT(8) /* BMI2 */ |          \
     BIT(9) /* ERMS */ | BIT(16) | BIT(17) | BIT(18) /* RDSEED */ | BIT(19) /* ADX */ | BIT(21) | \
     BIT(23) /* CLFLUSHOPT */ | BIT(24) /* CLWB */ | BIT(28) | BIT(29) /* SHA */ | BIT(30) |      \
     BIT(31))
#define LEAF7_ECX_OFFERED \
    (BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14) | BIT(22))
#define LEAF80000001_EDX_OFFERED                                                              \
    (0x0183f3ffu /* copies of leaf 1 on AMD */ | BIT(11) /* SYSCALL */ | BIT(20) /* NX */ |   \
     BIT(22) | BIT(24) | BIT(25) | BIT(27) /* RDTSCP */ | BIT(29) /* long mode */ | BIT(30) | \
     BIT(31))
#define LEAF80000001_ECX_OFFERED \
    (BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) | BIT(15) | BIT(16) | BIT(21))
#define LEAF80000001_EDX_PAGE_1G BIT(26)

#define XEN_LEAVES      0x40000000
#define XEN_LEAVES_MASK 0xffffff00
#define XEN_LEAF_TIME   3

/* Leaves from 0x40000000 on: signature, version, features, time. */
static const struct cpuid_result xen_leaves[] = {
    {XEN_LEAVES + XEN_LEAF_TIME, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
     XEN_CPUID_SIGNATURE_EDX},
    {.eax = BONSAI_ABI_MAJOR << 16 | BONSAI_ABI_MINOR},
    {.eax = 1 /* hypercall page: the ELF note's */,
     .ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD},
    {0},
};

/* Answers what rbx gets. */
static inline uint32_t answer(struct cpu_user_regs *regs, struct cpuid_result result)
{
    regs->rax = result.eax;
    regs->rcx = result.ecx;
    regs->rdx = result.edx;
    return result.ebx;
}

static uint32_t xen_leaf(struct cpu_user_regs *regs)
{
    uint8_t leaf = (uint8_t)regs->rax;
    uint32_t subleaf = (uint32_t)regs->rcx;

    if (leaf > XEN_LEAF_TIME)
        return answer(regs, (struct cpuid_result){0});
    uint32_t ebx = answer(regs, xen_leaves[leaf]);
    if (leaf == XEN_LEAF_TIME && subleaf == 0)
        regs->rcx = (uint32_t)clock_tsc_khz();
    return ebx;
}

static void mask_leaf1(const struct vcpu *vcpu, struct cpuid_result *result)
{
    result->edx &= ~LEAF1_EDX_CLEARED | LEAF1_EDX_KEPT;
    result->ecx &= ~LEAF1_ECX_CLEARED;
    result->ecx |= LEAF1_ECX_HYPERVISOR;
    if (!cpu_features.xsave)
        result->ecx &= ~(LEAF1_ECX_XSAVE | LEAF1_ECX_OSXSAVE | LEAF1_ECX_AVX);
    /* The APIC id is the virtual CPU's. */
    result->ebx = (result->ebx & 0x0000ffff) | 1u << 16 | (vcpu->id * 2) << 24;
}

static void mask_leaf7(uint32_t subleaf, struct cpuid_result *result)
{
    if (subleaf != 0) {
        *result = (struct cpuid_result){0};
        return;
    }
    result->eax = 0;
    result->ebx &= LEAF7_EBX_OFFERED;
    result->ecx &= LEAF7_ECX_OFFERED;
    result->edx = 0;
}

static void mask_xsave(uint32_t subleaf, struct cpuid_result *result)
{
    uint64_t mask = cpu_features.xcr0_mask;

    if (!cpu_features.xsave || subleaf > 63)
        *result = (struct cpuid_result){0};
    else if (subleaf == 0) {
        result->eax &= (uint32_t)mask;
        result->ecx = cpu_features.xsave_size;
        result->edx &= (uint32_t)(mask >> 32);
    } else if (subleaf == 1)
        *result = (struct cpuid_result){.eax = result->eax & 1}; /* XSAVEOPT */
    else if (!(mask >> subleaf & 1))
        *result = (struct cpuid_result){0};
}

static __attribute__((noinline)) uint32_t machine_leaf(struct cpu_user_regs *regs)
{
    uint32_t leaf = (uint32_t)regs->rax, subleaf = (uint32_t)regs->rcx;
    struct cpuid_result result = cpuid(leaf, subleaf);
    switch (leaf) {
    case 1:
        mask_leaf1(regs_vcpu(regs), &result);
        break;
    case 5:    /* monitor/mwait */
    case 6:    /* thermal and power */
    case 0xa:  /* performance counters */
    case 0xb:  /* topology: the guest's is not the machine's */
    case 0x14: /* processor trace */
    case 0x1f:
    case 0x8000000a: /* SVM */
        result = (struct cpuid_result){0};
        break;
    case 7:
        mask_leaf7(subleaf, &result);
        break;
    case 0xd:
        mask_xsave(subleaf, &result);
        break;
    case 0x80000001:
        result.edx &= LEAF80000001_EDX_OFFERED & ~(LEAF1_EDX_CLEARED & ~LEAF1_EDX_KEPT);
        result.ecx &= LEAF80000001_ECX_OFFERED;
        break;
    case 0x80000008:
        result.eax &= 0xffff;
        result.ebx = result.edx = 0;
        result.ecx = 0;
        break;
    }
    return answer(regs, result);
}

uint32_t cpuid_for_guest(struct cpu_user_regs *regs)
{
    if (((uint32_t)regs->rax & XEN_LEAVES_MASK) == XEN_LEAVES)
        return xen_leaf(regs);
    return machine_leaf(regs);
}
