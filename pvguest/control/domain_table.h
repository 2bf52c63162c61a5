/* SPDX-License-Identifier: MIT */
/*
 * Things found by the number of the domain they belong to, as fast among many as among few. The
 * link lies in the thing, so adding one cannot fail. Pure; who owns the table serializes its use.
 */
#pragma once

#include <stdint.h>
#include <xen/xen.h>

#include "lib/list.h"

#define DOMAIN_TABLE_SIZE \
    256 /* domains are numbered one after the other: no more than one a list */

struct domain_link {
    struct list list;
    domid_t domain;
};

struct domain_table {
    struct list lists[DOMAIN_TABLE_SIZE];
};

void domain_table_init(struct domain_table *table);

/* One thing for a domain. */
void domain_table_add(struct domain_table *table, struct domain_link *link, domid_t domain);
void domain_table_remove(struct domain_link *link);

/* NULL when there is nothing for this domain. */
struct domain_link *domain_table_find(const struct domain_table *table, domid_t domain);

/* Call `visit` for all, in no order; it may remove what it is called for. */
typedef void domain_visit_t(struct domain_link *link, void *argument);
void domain_table_visit(struct domain_table *table, domain_visit_t *visit, void *argument);
