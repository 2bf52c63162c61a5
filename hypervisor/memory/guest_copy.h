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
bool guest_address_ok(uint64_t address);
/* Whether the whole range lies outside the hypervisor's slots and does not wrap. */
bool guest_range_ok(guest_ptr_t pointer, uint64_t size);
/* The same for an array, with overflow check of count * size. */
bool guest_array_ok(guest_ptr_t pointer, uint64_t count, size_t element_size);

int copy_from_guest(void *to, guest_ptr_t from, size_t size);
int copy_to_guest(guest_ptr_t to, const void *from, size_t size);
int clear_guest(guest_ptr_t to, size_t size);
