/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/cpu.h"

#include "hypervisor/dispatcher/exception_table.h"
#include "hypervisor/processor/smap.h"

struct cpu_features cpu_features;

/* x87, SSE, AVX, AVX-512: the XSAVE components whose state is switched for guests. */
#define XCR0_OFFERED 0xe7

bool rdmsr_safe(uint32_t number, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    uint8_t done = 0;
    asm volatile("1: rdmsr\n"
                 "movb $1, %0\n"
                 "2:\n" EXCEPTION_TABLE(1b, 2b)
                 : "+r"(done), "+a"(low), "+d"(high)
                 : "c"(number));
    if (done)
        *value = (uint64_t)high << 32 | low;
    return done;
}

bool wrmsr_safe(uint32_t number, uint64_t value)
{
    uint8_t done = 0;
    asm volatile("1: wrmsr\n"
                 "movb $1, %0\n"
                 "2:\n" EXCEPTION_TABLE(1b, 2b)
                 : "+r"(done)
                 : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                 : "memory");
    return done;
}

static void detect_xsave(void)
{
    if (!cpu_features.xsave) {
        cpu_features.xcr0_mask = 3;
        cpu_features.xsave_size = 512;
        return;
    }
    struct cpuid_result leaf = cpuid(0xd, 0);
    cpu_features.xcr0_mask = (leaf.eax | (uint64_t)leaf.edx << 32) & XCR0_OFFERED;
    cpu_features.xsaveopt = cpuid(0xd, 1).eax & 1;
    /* The standard format: legacy area and header, then each component at its fixed offset. */
    cpu_features.xsave_size = 512 + 64;
    for (unsigned component = 2; component < 63; component++) {
        if (!(cpu_features.xcr0_mask >> component & 1))
            continue;
        leaf = cpuid(0xd, component);
        if (leaf.eax + leaf.ebx > cpu_features.xsave_size)
            cpu_features.xsave_size = leaf.eax + leaf.ebx;
    }
}

void cpu_detect(void)
{
    struct cpuid_result identity = cpuid(0, 0), basic = cpuid(1, 0), leaf;

    cpu_features.amd = identity.ebx == 0x68747541; /* "Auth" */
    cpu_features.family_model = basic.eax;
    cpu_features.xsave = basic.ecx >> 26 & 1;
    cpu_features.x2apic = basic.ecx >> 21 & 1;
    cpu_features.tsc_deadline = basic.ecx >> 24 & 1;
    cpu_features.pcid = basic.ecx >> 17 & 1;
    if (identity.eax >= 7) {
        leaf = cpuid(7, 0);
        cpu_features.fsgsbase = leaf.ebx & 1;
        cpu_features.smep = leaf.ebx >> 7 & 1;
        cpu_features.smap = leaf.ebx >> 20 & 1;
        if (cpu_features.smap)
            smap_enable();
        cpu_features.umip = leaf.ecx >> 2 & 1;
    }
    uint32_t extended = cpuid(0x80000000, 0).eax;
    cpu_features.page_1g = cpuid(0x80000001, 0).edx >> 26 & 1;
    if (extended >= 0x80000007)
        cpu_features.invariant_tsc = cpuid(0x80000007, 0).edx >> 8 & 1;
    cpu_features.physical_bits = extended >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;

    uint64_t platform;
    cpu_features.cpuid_faulting =
        !cpu_features.amd && rdmsr_safe(MSR_PLATFORM_INFO, &platform) && (platform >> 31 & 1);
    detect_xsave();
}

void xcr0_write(uint64_t value)
{
    asm volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

void cpu_setup_control_registers(void)
{
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_MCE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    cr0_write((cr0_read() | CR0_WP | CR0_MP) & ~(CR0_TS | CR0_EM));
    if (cpu_features.smep)
        cr4 |= CR4_SMEP;
    if (cpu_features.smap)
        cr4 |= CR4_SMAP;
    if (cpu_features.fsgsbase)
        cr4 |= CR4_FSGSBASE;
    if (cpu_features.umip)
        cr4 |= CR4_UMIP;
    if (cpu_features.xsave)
        cr4 |= CR4_OSXSAVE;
    cr4_write(cr4);
    if (cpu_features.xsave)
        xcr0_write(cpu_features.xcr0_mask);
    /* WB, WT, UC-, UC, WC, WP, UC, UC: the layout PV guests are told to expect. */
    wrmsr(MSR_PAT, 0x0000050100070406);
    if (cpu_features.cpuid_faulting)
        wrmsr_safe(MSR_MISC_FEATURES, 1);
}
