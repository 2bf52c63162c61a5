/* SPDX-License-Identifier: MIT */
/*
 * How much memory a domain has: populate, increase, decrease, exchange, claim
 * (xen/memory.h, called from memory/memory_op.c with the argument in hypervisor memory).
 *
 * Extent lists stay in the guest and are read and written element by element, each with its range
 * check. A domain acts on itself, a privileged one on any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/memory.h>

struct domain;

/* Largest extent that the current domain may ask for. */
unsigned reservation_order_max(void);

/* Number of extents done; as Xen, also 0 for arguments that are wrong as a whole. */
long reservation_populate(struct xen_memory_reservation *reservation);
long reservation_increase(struct xen_memory_reservation *reservation);
long reservation_decrease(struct xen_memory_reservation *reservation);
/* 0 or an errno; -XEN_EPERM unless privileged. */
long reservation_claim(struct xen_memory_reservation *reservation);

/* Exchange; memory/exchange.c. 0 or an errno; nr_exchanged says how far it came. */
long reservation_exchange(struct xen_memory_exchange *exchange);
