/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1 (xen/grant_table.h). Owns struct grant_table of each domain, under its
 * lock (LOCK_LEVEL_GRANT; two domains: spin_lock_two). A mapping holds a reference to the frame, a
 * type reference when writable, and its pin count in the granter's active entry until undone.
 */
#pragma once

#include <stdint.h>

#include <xen/grant_table.h>
#include <xen/xen.h>

#include "hypervisor/memory/mfn.h"

struct domain;

int grant_table_create(struct domain *domain, uint32_t max_frames, uint32_t max_maptrack_frames);
/* The dying domain's own mappings of others' frames are undone. */
void grant_release_mappings(struct domain *domain);
void grant_table_free(struct domain *domain);
/* Frame `index` of the table itself, growing it: XENMAPSPACE_grant_table and the builder's seeding.
 */
int grant_table_frame(struct domain *domain, unsigned index, mfn_t *frame);
/*
 * A level-1 entry written or removed by the guest itself that maps a granted frame is refused;
 * memory/mmu.c asks whether the frame is foreign and this module alone installs such entries.
 */
