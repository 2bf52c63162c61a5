/* SPDX-License-Identifier: MIT */
/*
 * Domains by number: what a lookup costs does not depend on how many there are. domain.c is the
 * only user; its list_lock guards all of it.
 */
#pragma once

#include <stdint.h>

#include <xen/xen.h>

struct domain;

/* Under its number, which is free: 0 or -XEN_ENOMEM. */
int domain_table_enter(struct domain *domain);
void domain_table_remove(const struct domain *domain);

/* NULL: there is none. */
struct domain *domain_table_find(domid_t id);
/* The domain with the lowest number that is at least `id`. */
struct domain *domain_table_find_from(unsigned id);
