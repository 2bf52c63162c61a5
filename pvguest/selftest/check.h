/* SPDX-License-Identifier: MIT */
/*
 * What a check of the selftest is made of. A check is a function that states what it expects; the
 * first expectation that does not hold ends it as a failure and says why. An exception nobody
 * expected ends it too. Checks run one after another in the first thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check {
    const char *name; /* "hypercall: what it shows" */
    void (*run)(void);
};

/* Each file of checks offers one table; it ends with an entry without a name. */
extern const struct check callback_checks[];
extern const struct check control_checks[];
extern const struct check debug_checks[];
extern const struct check descriptor_checks[];
extern const struct check emulation_checks[];
extern const struct check event_checks[];
extern const struct check exception_checks[];
extern const struct check foreign_checks[];
extern const struct check fpu_checks[];
extern const struct check grant_checks[];
extern const struct check memory_checks[];
extern const struct check mmu_checks[];
extern const struct check mmuext_checks[];
extern const struct check multicall_checks[];
extern const struct check physdev_checks[];
extern const struct check registers_checks[];
extern const struct check schedule_checks[];
extern const struct check share_checks[];
extern const struct check smp_checks[];
extern const struct check syscall_checks[];
extern const struct check vcpu_checks[];
extern const struct check version_checks[];

/* Note the verdict of the running check; the first one counts. */
void check_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
void check_skipped(const char *why);

/* Addresses that no hypercall may be talked into using. */
#define HYPERVISOR_ADDRESS   0xffff830000000000UL
#define NONCANONICAL_ADDRESS 0x0000900000000000UL
#define UNMAPPED_ADDRESS     0x0000100000000000UL
#define UNUSED_DOMAIN        0x7000
#define UNUSED_COMMAND       0x7f

#define EXPECT(condition)                                      \
    do {                                                       \
        if (!(condition)) {                                    \
            check_failed("line %d: %s", __LINE__, #condition); \
            return;                                            \
        }                                                      \
    } while (0)

/* The value must be the one expected; says both. */
#define EXPECT_VALUE(expected, actual)                                                     \
    do {                                                                                   \
        long expected_ = (long)(expected), actual_ = (long)(actual);                       \
        if (expected_ != actual_) {                                                        \
            check_failed("line %d: %ld instead of %ld (%s)", __LINE__, actual_, expected_, \
                         #expected);                                                       \
            return;                                                                        \
        }                                                                                  \
    } while (0)

#define EXPECT_EITHER(first, second, actual)                                                      \
    do {                                                                                          \
        long actual_ = (long)(actual);                                                            \
        if (actual_ != (long)(first) && actual_ != (long)(second)) {                              \
            check_failed("line %d: %ld instead of %s or %s", __LINE__, actual_, #first, #second); \
            return;                                                                               \
        }                                                                                         \
    } while (0)

#define SKIP_UNLESS(condition, why) \
    do {                            \
        if (!(condition)) {         \
            check_skipped(why);     \
            return;                 \
        }                           \
    } while (0)

/* Is this an errno at all? */
static inline bool is_refusal(long result)
{
    return result < 0 && result > -200;
}
