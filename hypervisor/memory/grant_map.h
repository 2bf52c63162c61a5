/* SPDX-License-Identifier: MIT */
/*
 * Mappings of granted frames: making, undoing, and what is left of them when their domain dies.
 * `domain` maps and is the current one, whose mmu_lock is taken while an entry changes. Statuses
 * are written into the operation.
 */
#pragma once

#include <stdint.h>

#include <xen/grant_table.h>

struct domain;

void grant_map(struct domain *domain, struct gnttab_map_grant_ref *operation);
void grant_unmap(struct domain *domain, struct gnttab_unmap_grant_ref *operation);
void grant_unmap_and_replace(struct domain *domain, struct gnttab_unmap_and_replace *operation);
