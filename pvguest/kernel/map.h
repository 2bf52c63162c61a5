/* SPDX-License-Identifier: MIT */
/*
 * Mappings of what is not the domain's own memory, in a window of the address space that this
 * module owns. Thread context.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

/* Map frames of another domain (or DOMID_XEN) side by side; all or none. */
int foreign_map(domid_t domain, const uint64_t *mfns, size_t count, bool writable, void **address);
int foreign_unmap(void *address, size_t count);

/* Map device memory uncached; the address given back is that of machine_address itself. */
int io_map(uint64_t machine_address, size_t size, void **address);
int io_unmap(void *address, size_t size);

/* Reserve address space in the window, page granular, without mapping anything. NULL: full. */
void *window_reserve(size_t pages);
void window_release(void *address, size_t pages);
