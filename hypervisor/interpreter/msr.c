/* SPDX-License-Identifier: MIT */
#include "hypervisor/interpreter/msr.h"

#include <stddef.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/segment.h"
#include "hypervisor/processor/vcpu.h"

#define MSR_TSC                        0x10
#define MSR_MICROCODE_REVISION         0x8b
#define MSR_MTRR_CAPABILITIES          0xfe
#define MSR_MACHINE_CHECK_CAPABILITIES 0x179
#define MSR_MACHINE_CHECK_STATUS       0x17a
#define MSR_MISC_ENABLE                0x1a0
#define MSR_K8_SYSCFG                  0xc0010010
#define MSR_K8_HWCR                    0xc0010015
#define MISC_ENABLE_PEBS_UNAVAILABLE   (1UL << 12)
#define MISC_ENABLE_BTS_UNAVAILABLE    (1UL << 11)

enum msr_policy {
    MSR_REFUSED,       /* not a register of a guest's                                        */
    MSR_READ_REAL,     /* reads the processor's; writes are refused                          */
    MSR_READ_ZERO,     /* reads 0; writes are refused                                        */
    MSR_WRITE_SAME,    /* reads the processor's; a write that changes nothing is accepted    */
    MSR_WRITE_IGNORED, /* reads the processor's (0 where it has none); writes have no effect */
    MSR_BASE,          /* a segment base: read and written, canonical                        */
};

static inline enum msr_policy policy_of(uint32_t number)
{
    switch (number) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        return MSR_BASE;
    case MSR_TSC:
        return MSR_READ_REAL;
    case MSR_APIC_BASE:
    case MSR_EFER:
    case MSR_PAT:
    case MSR_MISC_ENABLE:
        return MSR_WRITE_SAME;
    case MSR_MICROCODE_REVISION:
    case MSR_K8_SYSCFG:
    case MSR_K8_HWCR:
        return MSR_WRITE_IGNORED;
    case MSR_PLATFORM_INFO:
    case MSR_MISC_FEATURES:
    case MSR_MTRR_CAPABILITIES:
    case MSR_MACHINE_CHECK_CAPABILITIES: /* no banks: errors are the hypervisor's */
    case MSR_MACHINE_CHECK_STATUS:
        return MSR_READ_ZERO;
    default:
        return MSR_REFUSED;
    }
}

static inline bool read_real(uint32_t number, uint64_t *value)
{
    if (!rdmsr_safe(number, value))
        return false;
    if (number == MSR_MISC_ENABLE)
        *value |= MISC_ENABLE_PEBS_UNAVAILABLE | MISC_ENABLE_BTS_UNAVAILABLE;
    return true;
}

bool msr_guest_read(uint32_t number, uint64_t *value)
{
    enum msr_policy policy = policy_of(number);

    *value = 0;
    if (policy == MSR_REFUSED || policy == MSR_READ_ZERO)
        return policy != MSR_REFUSED;
    return read_real(number, value) || policy == MSR_WRITE_IGNORED;
}

bool msr_guest_write(uint32_t number, uint64_t value)
{
    uint64_t present;

    switch (policy_of(number)) {
    case MSR_WRITE_IGNORED:
        return true;
    case MSR_WRITE_SAME:
        return read_real(number, &present) && present == value;
    case MSR_BASE:
        if (!address_canonical(value))
            return false;
        wrmsr(number, value);
        return true;
    default:
        return false;
    }
}
