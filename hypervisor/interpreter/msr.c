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
    MSR_READ_REAL,     /* reads the processor's; writes are refused                          */
    MSR_READ_ZERO,     /* reads 0; writes are refused                                        */
    MSR_WRITE_SAME,    /* reads the processor's; a write that changes nothing is accepted    */
    MSR_WRITE_IGNORED, /* reads the processor's (0 where it has none); writes have no effect */
    MSR_BASE,          /* a segment base: read and written, canonical                        */
};

static const struct msr_rule {
    uint32_t number;
    enum msr_policy policy;
} msr_rules[] = {
    {MSR_FS_BASE, MSR_BASE},
    {MSR_GS_BASE, MSR_BASE},
    {MSR_KERNEL_GS_BASE, MSR_BASE},
    {MSR_TSC, MSR_READ_REAL},
    {MSR_APIC_BASE, MSR_WRITE_SAME},
    {MSR_EFER, MSR_WRITE_SAME},
    {MSR_PAT, MSR_WRITE_SAME},
    {MSR_MISC_ENABLE, MSR_WRITE_SAME},
    {MSR_PLATFORM_INFO, MSR_READ_ZERO},
    {MSR_MISC_FEATURES, MSR_READ_ZERO},
    {MSR_MICROCODE_REVISION, MSR_WRITE_IGNORED},
    {MSR_MTRR_CAPABILITIES, MSR_READ_ZERO},
    {MSR_MACHINE_CHECK_CAPABILITIES, MSR_READ_ZERO}, /* no banks: errors are the hypervisor's */
    {MSR_MACHINE_CHECK_STATUS, MSR_READ_ZERO},
    {MSR_K8_SYSCFG, MSR_WRITE_IGNORED},
    {MSR_K8_HWCR, MSR_WRITE_IGNORED},
};

static const struct msr_rule *rule_of(uint32_t number)
{
    for (unsigned i = 0; i < sizeof(msr_rules) / sizeof(msr_rules[0]); i++)
        if (msr_rules[i].number == number)
            return &msr_rules[i];
    return NULL;
}

static bool read_real(uint32_t number, uint64_t *value)
{
    if (!rdmsr_safe(number, value))
        return false;
    if (number == MSR_MISC_ENABLE)
        *value |= MISC_ENABLE_PEBS_UNAVAILABLE | MISC_ENABLE_BTS_UNAVAILABLE;
    return true;
}

bool msr_guest_read(uint32_t number, uint64_t *value)
{
    const struct msr_rule *rule = rule_of(number);

    if (!rule)
        return false;
    *value = 0;
    switch (rule->policy) {
    case MSR_READ_ZERO:
        return true;
    case MSR_WRITE_IGNORED:
        (void)read_real(number, value);
        return true;
    default:
        return read_real(number, value);
    }
}

bool msr_guest_write(uint32_t number, uint64_t value)
{
    const struct msr_rule *rule = rule_of(number);
    uint64_t present;

    if (!rule)
        return false;
    switch (rule->policy) {
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
