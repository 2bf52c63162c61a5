/* SPDX-License-Identifier: MIT */
/*
 * Single words in the current guest's address space, for paths where a copy (guest_copy.h) would
 * cost more than what it is made for. The same rules: the range is checked first
 * (guest_words_ok), the accesses stand between guest_access_begin() and guest_access_end(), and
 * where they end after a fault guest_access_end() stands as well.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#include "hypervisor/dispatcher/exception_table.h"
#include "hypervisor/processor/smap.h"

#define GUEST_LOWER_HALF_END 0x0000800000000000UL

/* Guests' pages are user pages: with SMAP they are only reached while AC is set. */
static inline void guest_access_begin(void)
{
    asm volatile(SMAP_STAC : : : "memory");
}

static inline void guest_access_end(void)
{
    asm volatile(SMAP_CLAC : : : "memory");
}

/*
 * Whether none of `size` bytes, a small constant, is the hypervisor's. (At the end of the address
 * space they go on at its beginning, which is the guest's as well.) Kernels live above.
 */
bool guest_words_below_ok(uint64_t address, uint64_t size);
static inline bool guest_words_ok(uint64_t address, uint64_t size)
{
    return __builtin_expect(address >= HYPERVISOR_VIRT_END, 1) ||
           guest_words_below_ok(address, size);
}

/* `value` takes what stands at `address`, in its own width; if that faults, 0, and `failed` true.
 */
#define guest_word_read(value, address, failed)           \
    asm volatile("1: mov %[from], %[to]\n"                \
                 "2:\n"                                   \
                 ".pushsection .text.unlikely, \"ax\"\n"  \
                 "3: xor %k[to], %k[to]\n"                \
                 "   movb $1, %[fault]\n"                 \
                 "   jmp 2b\n"                            \
                 ".popsection\n" EXCEPTION_TABLE(1b, 3b)  \
                 : [to] "=r"(value), [fault] "+q"(failed) \
                 : [from] "m"(*(const typeof(value) *)(address)))

/* `value` to `address`; if that faults, to the label `failed`. */
#define guest_word_write(value, address, failed)                     \
    asm volatile goto("1: mov %0, %1\n"                              \
                      ".pushsection .extable, \"a\"\n"               \
                      ".quad 1b, %l[" #failed "]\n"                  \
                      ".popsection\n"                                \
                      :                                              \
                      : "r"(value), "m"(*(typeof(value) *)(address)) \
                      : "memory"                                     \
                      : failed)
