/* SPDX-License-Identifier: MIT */
/*
 * The records of all guests of this control domain, found by number and by name as fast among many
 * as among few. Who changes it holds life_cycle.c's mutex; threads are cooperative, so a look that
 * does not wait needs none.
 */
#pragma once

#include <stdint.h>
#include <xen/xen.h>

#include "pvguest/control/domain_record.h"

void domain_directory_start(void);

/* A record's number and name must stay while it is in here. */
void domain_directory_add(struct domain_record *record);
void domain_directory_remove(struct domain_record *record);

/* NULL for none of ours. */
struct domain_record *domain_directory_find(domid_t domain);
struct domain_record *domain_directory_find_name(const char *name);

/* In the order in which they were added; NULL at the end. */
struct domain_record *domain_directory_first(void);
struct domain_record *domain_directory_next(const struct domain_record *record);
