/* SPDX-License-Identifier: MIT */
/*
 * The two domains of machine.h for tests of page types and tables: both mmu_locks are held, and
 * what is said of no domain is domain 1's.
 */
#pragma once

#include <stdint.h>

#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/memory/type.h"
#include "tests/unit/machine.h"

int table_machine_begin(void **state);
/* The audit finds nothing. */
int table_machine_end(void **state);

struct frame *frame_of_one(void);
/* A reference with that type. */
int get(struct frame *frame, enum frame_type type);
int update(struct frame *table, unsigned slot, uint64_t value, struct domain *frame_owner);
/* A pinned, empty table. */
struct frame *pinned_table(enum frame_type type);
