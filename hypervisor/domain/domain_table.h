/* SPDX-License-Identifier: MIT */
/*
 * Domains by number: what a lookup costs does not depend on how many there are. domain.c is the
 * only user; its list_lock guards all but domain_table_reserve(), which control_lock guards.
 */
#pragma once

#include <stdint.h>

#include <xen/xen.h>

struct domain;

/* Make room for a number below DOMID_FIRST_RESERVED, for good: 0 or -XEN_ENOMEM. */
int domain_table_reserve(domid_t id);
/* Enter a domain under its number, for which there is room; NULL takes it out. */
void domain_table_set(domid_t id, struct domain *domain);

/* NULL: there is none. */
struct domain *domain_table_find(domid_t id);
/* The domain with the lowest number that is at least `id`. */
struct domain *domain_table_find_from(unsigned id);
