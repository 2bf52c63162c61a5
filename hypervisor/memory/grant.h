/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1 (xen/grant_table.h), as the rest of the hypervisor sees them. The parts:
 * grant_table.h (the table, pins, handles), grant_map.h (mappings), grant_copy.c, grant_table_op.c.
 */
#pragma once

#include <stdint.h>

#include "hypervisor/memory/mfn.h"

struct domain;

/* 0 or -XEN_ENOMEM. Limits above the hypervisor's own are cut. */
int grant_table_create(struct domain *domain, uint32_t max_frames, uint32_t max_maptrack_frames);
/* XEN_DOMCTL_createdomain: before the table has grown beyond its first frame. */
void grant_table_set_limits(struct domain *domain, int32_t max_frames, int32_t max_maptrack_frames);
/* The dying domain's own mappings of others' frames are undone; passes preempt points. */
void grant_release_mappings(struct domain *domain);
/* The dying domain gives its table's frames up; what others have mapped stays theirs to unmap. */
void grant_table_release(struct domain *domain);
void grant_table_free(struct domain *domain);

/*
 * Frame `index` of the table itself, growing it: XENMAPSPACE_grant_table and the builder's seeding.
 * 0, -XEN_EINVAL (beyond the limit, or dying), -XEN_ENOMEM.
 */
int grant_table_frame(struct domain *domain, unsigned index, mfn_t *frame);
