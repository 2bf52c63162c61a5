/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/memory_map.h"

#include <xen/errno.h>

#include "boot/boot_info.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"

#define ENTRIES_MAX 128

/* As the BIOS call int 15h, e820 gives it. */
struct memory_map_entry {
    uint64_t start, size;
    uint32_t type;
} __attribute__((packed));

struct memory_map {
    unsigned count;
    struct memory_map_entry entries[ENTRIES_MAX];
};
_Static_assert(sizeof(struct memory_map) <= PAGE_SIZE, "a memory map fits in a frame");

long memory_map_get(struct xen_memory_map *request)
{
    struct domain *domain = current_domain();
    guest_ptr_t buffer = guest_ptr_of_handle(request->buffer);
    long rc = -XEN_ENOSYS;

    mutex_lock(&domain->mmu_lock);
    const struct memory_map *map = domain->memory_map;
    if (map && map->count) {
        if (request->nr_entries > map->count)
            request->nr_entries = map->count;
        rc = copy_to_guest(buffer, map->entries, request->nr_entries * sizeof(map->entries[0]));
    }
    mutex_unlock(&domain->mmu_lock);
    return rc;
}

long memory_map_get_machine(struct xen_memory_map *request)
{
    guest_ptr_t buffer = guest_ptr_of_handle(request->buffer);

    if (!current_domain()->privileged)
        return -XEN_EPERM;
    if (buffer.address && request->nr_entries < boot_info.range_count)
        return -XEN_EINVAL;
    for (unsigned i = 0; buffer.address && i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        struct memory_map_entry entry = {range->start, range->size, range->type};
        if (copy_to_guest(guest_ptr_at(buffer, i, sizeof(entry)), &entry, sizeof(entry)))
            return -XEN_EFAULT;
    }
    request->nr_entries = boot_info.range_count;
    return 0;
}

static int memory_map_read(struct memory_map *map, const struct xen_memory_map *request)
{
    map->count = request->nr_entries;
    return copy_from_guest(map->entries, guest_ptr_of_handle(request->buffer),
                           map->count * sizeof(map->entries[0]));
}

long memory_map_set(const struct xen_foreign_memory_map *request)
{
    int rc;

    if (request->map.nr_entries > ENTRIES_MAX)
        return -XEN_EINVAL;
    struct domain *domain = domain_get_for(request->domid, &rc);
    if (!domain)
        return rc;
    struct memory_map *map = frame_allocate_hypervisor(0), *old = map;
    rc = map ? memory_map_read(map, &request->map) : -XEN_ENOMEM;
    if (rc == 0) {
        mutex_lock(&domain->mmu_lock);
        if (domain->life == DOMAIN_ALIVE) {
            old = domain->memory_map;
            domain->memory_map = map;
        } else {
            rc = -XEN_EINVAL;
        }
        mutex_unlock(&domain->mmu_lock);
    }
    if (old)
        frame_free_hypervisor(old, 0);
    domain_put(domain);
    return rc;
}

void memory_map_free(struct domain *domain)
{
    mutex_lock(&domain->mmu_lock);
    if (domain->memory_map)
        frame_free_hypervisor(domain->memory_map, 0);
    domain->memory_map = NULL;
    mutex_unlock(&domain->mmu_lock);
}
