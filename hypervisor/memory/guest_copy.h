/* SPDX-License-Identifier: MIT */
/*
 * Copies between hypervisor memory and the current guest's address space. Range check (never the
 * hypervisor's slots), stac/clac, exception table. All return 0 or -XEN_EFAULT; nothing else reads
 * or writes guest linear addresses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/memory/guest_word.h"

/* An address in the current guest's address space: never dereferenced. */
typedef struct {
    uint64_t address;
} guest_ptr_t;

#define guest_ptr_of_handle(handle) ((guest_ptr_t){(uint64_t)(handle).p})

static inline guest_ptr_t guest_ptr(uint64_t address)
{
    return (guest_ptr_t){address};
}

static inline guest_ptr_t guest_ptr_at(guest_ptr_t base, uint64_t index, size_t element_size)
{
    return (guest_ptr_t){base.address + index * element_size};
}

/* Whether the address is canonical and outside the hypervisor's slots. */
static inline bool guest_address_ok(uint64_t address)
{
    return address < GUEST_LOWER_HALF_END || address >= HYPERVISOR_VIRT_END;
}

/* Whether the whole range lies outside the hypervisor's slots and does not wrap. */
static inline bool guest_range_ok(guest_ptr_t pointer, uint64_t size)
{
    uint64_t start = pointer.address, last = start + (size ? size - 1 : 0);

    /* Both ends in one half; a range that wraps has its end before its start. */
    return last >= start && (last < GUEST_LOWER_HALF_END || start >= HYPERVISOR_VIRT_END);
}

/* The same for an array, with overflow check of count * size. */
static inline bool guest_array_ok(guest_ptr_t pointer, uint64_t count, size_t element_size)
{
    uint64_t size;

    return !__builtin_mul_overflow(count, element_size, &size) && guest_range_ok(pointer, size);
}

int copy_from_guest(void *to, guest_ptr_t from, size_t size);
int copy_to_guest(guest_ptr_t to, const void *from, size_t size);
int clear_guest(guest_ptr_t to, size_t size);

/*
 * A few words, their number a constant, from a range that guest_range_ok() has been asked about:
 * for structures that are read often, one by one from an array. 0 or -XEN_EFAULT.
 */
static inline __attribute__((always_inline)) int words_from_guest(uint64_t *to, guest_ptr_t from,
                                                                  unsigned count)
{
    bool failed = false;

    guest_access_begin();
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; i++)
        guest_word_read(to[i], from.address + i * sizeof(*to), failed);
    guest_access_end();
    return failed ? -XEN_EFAULT : 0;
}

/* The same the other way; one word or two. */
static inline __attribute__((always_inline)) int
words_to_guest(guest_ptr_t to, const uint64_t *from, unsigned count)
{
    guest_access_begin();
    guest_word_write(from[0], to.address, failed);
    if (count == 2)
        guest_word_write(from[1], to.address + sizeof(*from), failed);
    guest_access_end();
    return 0;
failed:
    guest_access_end();
    return -XEN_EFAULT;
}
