/* SPDX-License-Identifier: MIT */
/*
 * Memory maps as guests ask for them: the pseudo-physical one that the builder gave a domain, and
 * the machine's. Owns domain->memory_map, under the domain's mmu_lock.
 */
#pragma once

#include <stdint.h>

#include <xen/memory.h>

struct domain;

/* -XEN_ENOSYS: none was set. nr_entries becomes the number of entries copied. */
long memory_map_get(struct xen_memory_map *request);
/* -XEN_EPERM unless privileged; -XEN_EINVAL: the buffer is too small. Without a buffer, counts. */
long memory_map_get_machine(struct xen_memory_map *request);
long memory_map_set(const struct xen_foreign_memory_map *request);
void memory_map_free(struct domain *domain);
