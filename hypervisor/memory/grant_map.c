/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/grant_map.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/mmu_grant.h"
#include "hypervisor/processor/scheduler.h"

#define MAP_KINDS (GNTMAP_device_map | GNTMAP_host_map)
/* A guest's bits for the entry: from bit 16 of the flags to bit 9 of the entry. */
#define AVAILABLE_SHIFT (_GNTMAP_guest_avail0 - 9)

/* The addresses of an unmapping, and what it must find there. */
struct unmapping {
    grant_handle_t handle;
    bool replace;
    uint64_t host_address, bus_address, new_address;
    struct grant_mapping *mapping; /* in the table; claimed, nobody else changes it */
    uint16_t flags;                /* it had before that                            */
};

static unsigned kinds_of(uint32_t flags)
{
    return (flags & GNTMAP_host_map ? 1u << GRANT_HOST : 0) |
           (flags & GNTMAP_device_map ? 1u << GRANT_DEVICE : 0);
}

static uint64_t entry_of(mfn_t frame, uint32_t flags)
{
    uint64_t entry =
        mfn_to_physical(frame) | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NX | ENTRY_GRANT;

    if (flags & GNTMAP_application_map)
        entry |= PTE_USER;
    if (!(flags & GNTMAP_readonly))
        entry |= PTE_WRITABLE;
    return entry | (flags >> AVAILABLE_SHIFT & PTE_AVAILABLE);
}

/* Pins and, for the host, the page-table entry: all or nothing. */
static int16_t map_pinned(struct domain *domain, struct domain *granter,
                          const struct gnttab_map_grant_ref *operation, struct frame **frame)
{
    bool readonly = operation->flags & GNTMAP_readonly;
    unsigned kinds = kinds_of(operation->flags);
    int16_t status = grant_pin(granter, operation->ref, domain, kinds, readonly, frame);

    if (status != GNTST_okay || !(operation->flags & GNTMAP_host_map))
        return status;
    if (granter != domain)
        frame_mark_foreign(*frame);
    if (mmu_map_grant(operation->host_addr, operation->flags & GNTMAP_contains_pte,
                      entry_of(frame_to_mfn(*frame), operation->flags))) {
        grant_unpin(granter, operation->ref, kinds, readonly, *frame);
        return GNTST_general_error;
    }
    return GNTST_okay;
}

/* The other party: the domain itself is there as long as the call, others are referenced. */
static struct domain *party_get(struct domain *domain, domid_t id)
{
    return id == domain->id ? domain : domain_get_by_id(id);
}

static void party_put(const struct domain *domain, struct domain *party)
{
    if (party != domain)
        domain_put(party);
}

void grant_map(struct domain *domain, struct gnttab_map_grant_ref *operation)
{
    const uint32_t kept = MAP_KINDS | GNTMAP_readonly | GNTMAP_contains_pte;
    struct frame *frame;

    operation->status = GNTST_bad_gntref;
    if (!(operation->flags & MAP_KINDS))
        return;
    struct domain *granter = party_get(domain, operation->dom);
    operation->status = GNTST_bad_domain;
    if (!granter)
        return;
    operation->status = GNTST_no_device_space;
    struct grant_mapping *mapping = grant_handle_allocate(domain, &operation->handle);
    if (!mapping)
        goto put_granter;
    operation->status = map_pinned(domain, granter, operation, &frame);
    if (operation->status == GNTST_okay) {
        operation->dev_bus_addr = mfn_to_physical(frame_to_mfn(frame));
        mapping->ref = operation->ref;
        mapping->granter = granter->id;
        mapping->frame = (uint32_t)frame_to_mfn(frame).value;
        /* From here on it can be undone. */
        __atomic_store_n(&mapping->flags, (uint16_t)(operation->flags & kept), __ATOMIC_RELEASE);
    } else {
        grant_handle_free(domain->grants, mapping, operation->handle);
    }
put_granter:
    party_put(domain, granter);
}

/* Take the handle for us: nobody else undoes it meanwhile. */
static bool mapping_claim(struct grant_mapping *mapping, uint16_t *flags)
{
    *flags = __atomic_load_n(&mapping->flags, __ATOMIC_ACQUIRE);
    return *flags && !(*flags & (MAPPING_RESERVED | MAPPING_BUSY)) &&
           __atomic_compare_exchange_n(&mapping->flags, flags, *flags | MAPPING_BUSY, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Give the handle back, without the kinds that are undone; the last one frees it. */
static void mapping_settle(struct grant_table *table, const struct unmapping *unmapping,
                           unsigned undone)
{
    uint32_t flags = unmapping->flags;

    if (undone & 1u << GRANT_HOST)
        flags &= ~GNTMAP_host_map;
    if (undone & 1u << GRANT_DEVICE)
        flags &= ~GNTMAP_device_map;
    if (flags & MAP_KINDS)
        __atomic_store_n(&unmapping->mapping->flags, (uint16_t)flags, __ATOMIC_RELEASE);
    else
        grant_handle_free(table, unmapping->mapping, unmapping->handle);
}

/* The entry must show the granted frame with the granted rights, or it stays (XSA-234). */
static int16_t host_unmap(const struct unmapping *unmapping)
{
    uint64_t entry = entry_of(mfn(unmapping->mapping->frame), unmapping->flags);
    bool contains_pte = unmapping->flags & GNTMAP_contains_pte;
    int status;

    if (unmapping->replace && unmapping->new_address)
        status = contains_pte
                     ? -1
                     : mmu_replace_grant(unmapping->host_address, entry, unmapping->new_address);
    else
        status = mmu_unmap_grant(unmapping->host_address, contains_pte, entry);
    return status ? GNTST_general_error : GNTST_okay;
}

static int16_t unmap_claimed(const struct unmapping *unmapping, unsigned *undone)
{
    uint64_t bus_address = unmapping->bus_address;

    if (bus_address && bus_address != mfn_to_physical(mfn(unmapping->mapping->frame)))
        return GNTST_general_error;
    if (unmapping->host_address && (unmapping->flags & GNTMAP_host_map)) {
        int16_t status = host_unmap(unmapping);
        if (status != GNTST_okay)
            return status;
        *undone |= 1u << GRANT_HOST;
    }
    if (bus_address && (unmapping->flags & GNTMAP_device_map))
        *undone |= 1u << GRANT_DEVICE;
    return GNTST_okay;
}

static int16_t unmap(struct domain *domain, struct unmapping *unmapping)
{
    struct grant_mapping *mapping = grant_mapping_at(domain->grants, unmapping->handle);
    unsigned undone = 0;

    if (!mapping || !mapping_claim(mapping, &unmapping->flags))
        return GNTST_bad_handle;
    unmapping->mapping = mapping;
    struct domain *granter = party_get(domain, mapping->granter);
    int16_t status = granter ? unmap_claimed(unmapping, &undone) : GNTST_bad_domain;
    if (undone)
        grant_unpin(granter, mapping->ref, undone, unmapping->flags & GNTMAP_readonly,
                    mfn_to_frame(mfn(mapping->frame)));
    mapping_settle(domain->grants, unmapping, undone);
    if (granter)
        party_put(domain, granter);
    return status;
}

void grant_unmap(struct domain *domain, struct gnttab_unmap_grant_ref *operation)
{
    struct unmapping unmapping = {
        .handle = operation->handle,
        .host_address = operation->host_addr,
        .bus_address = operation->dev_bus_addr,
    };
    operation->status = unmap(domain, &unmapping);
}

void grant_unmap_and_replace(struct domain *domain, struct gnttab_unmap_and_replace *operation)
{
    struct unmapping unmapping = {
        .handle = operation->handle,
        .host_address = operation->host_addr,
        .replace = true,
        .new_address = operation->new_addr,
    };
    operation->status = unmap(domain, &unmapping);
}

/* The domain's vcpus never run again: its entries need no change, only the references go. */
static void mapping_release(struct domain *domain, grant_handle_t handle)
{
    struct grant_mapping *place = grant_mapping_at(domain->grants, handle);
    const struct grant_mapping mapping = *place;
    unsigned kinds = kinds_of(mapping.flags);

    if (!kinds)
        return;
    struct domain *granter = domain_get_by_id(mapping.granter);
    grant_handle_free(domain->grants, place, handle);
    if (!granter)
        return;
    grant_unpin(granter, mapping.ref, kinds, mapping.flags & GNTMAP_readonly,
                mfn_to_frame(mfn(mapping.frame)));
    domain_put(granter);
}

void grant_release_mappings(struct domain *domain)
{
    for (grant_handle_t handle = 0; handle < domain->grants->mapping_count; handle++) {
        mapping_release(domain, handle);
        preempt_point();
    }
}
