/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/grant_copy.h"

#include <stddef.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/grant_pin.h"
#include "lib/string.h"

/* One end of a copy. */
struct side {
    const struct gnttab_copy_ptr *pointer;
    bool granted, readonly;
    struct domain *owner; /* referenced, unless it is the caller itself */
    struct frame *frame;  /* pinned, or referenced if it is not granted */
};

static int16_t own_frame_hold(mfn_t number, struct domain *domain, bool readonly,
                              struct frame **result)
{
    if (!mfn_is_ram(number))
        return GNTST_bad_page;
    struct frame *frame = *result = mfn_to_frame(number);
    if (!readonly && frame_get_writable_again(frame, domain))
        return GNTST_okay;
    if (!frame_get(frame, domain))
        return GNTST_bad_page;
    if (readonly || !frame_type_get(frame, FRAME_TYPE_WRITABLE))
        return GNTST_okay;
    frame_put(frame);
    return GNTST_general_error;
}

static __attribute__((noinline)) int16_t side_hold(struct side *side, struct domain *domain)
{
    const struct gnttab_copy_ptr *pointer = side->pointer;
    domid_t id = pointer->domid;

    /* A frame number may only name one's own frame. */
    if (!side->granted && id != DOMID_SELF)
        return GNTST_permission_denied;
    side->owner = id == DOMID_SELF || id == domain->id ? domain : domain_get_by_id(id);
    if (!side->owner)
        return GNTST_bad_domain;
    struct frame *frame = NULL;
    int16_t status = side->granted
                         ? grant_pin(side->owner, pointer->u.ref, domain, 1u << GRANT_HOST,
                                     side->readonly, &frame)
                         : own_frame_hold(mfn(pointer->u.gmfn), domain, side->readonly, &frame);
    side->frame = frame;
    if (status != GNTST_okay && side->owner != domain)
        domain_put(side->owner);
    return status;
}

static __attribute__((noinline)) void side_release(struct side *side, const struct domain *domain)
{
    if (side->granted)
        grant_unpin(side->owner, side->pointer->u.ref, 1u << GRANT_HOST, side->readonly,
                    side->frame);
    else if (side->readonly)
        frame_put(side->frame);
    else
        frame_put_typed(side->frame);
    if (side->owner != domain)
        domain_put(side->owner);
}

static char *side_address(const struct side *side)
{
    return (char *)mfn_to_virtual(frame_to_mfn(side->frame)) + side->pointer->offset;
}

static bool crosses_page(const struct gnttab_copy_ptr *pointer, uint16_t length)
{
    return (uint32_t)pointer->offset + length > PAGE_SIZE;
}

static __attribute__((noinline)) void copy_any(struct domain *domain, struct gnttab_copy *operation)
{
    struct side source = {.pointer = &operation->source,
                          .granted = operation->flags & GNTCOPY_source_gref,
                          .readonly = true};
    struct side target = {.pointer = &operation->dest,
                          .granted = operation->flags & GNTCOPY_dest_gref};

    operation->status = side_hold(&source, domain);
    if (operation->status != GNTST_okay)
        return;
    operation->status = side_hold(&target, domain);
    if (operation->status == GNTST_okay) {
        if (crosses_page(&operation->source, operation->len) ||
            crosses_page(&operation->dest, operation->len))
            operation->status = GNTST_bad_copy_arg;
        else
            memmove(side_address(&target), side_address(&source), operation->len);
        side_release(&target, domain);
    }
    side_release(&source, domain);
}

/* Pin for reading, copy, and unpin. */
static inline int16_t copy_from_grant(struct domain *granter, const struct domain *domain,
                                      const struct gnttab_copy *operation, char *target)
{
    struct grant_table *table = granter->grants;
    grant_ref_t ref = operation->source.u.ref;
    const unsigned kinds = 1u << GRANT_HOST;
    struct grant_place place;

    spin_take(&table->lock);
    int16_t status = grant_prepare_locked(table, ref, domain->id, true, &place);
    if (status == GNTST_okay) {
        if (place.frame < frame_count_max() && frame_get(&frame_table[place.frame], granter)) {
            grant_pins_add(place.active, kinds, true, 1);
        } else {
            grant_status_clear(table, ref, place.active, false);
            status = GNTST_general_error;
        }
    }
    spin_give(&table->lock);
    if (status != GNTST_okay)
        return status;
    char *source = mfn_to_virtual(mfn(place.frame));
    memmove(target, source + operation->source.offset, operation->len);
    spin_take(&table->lock);
    grant_pins_add(place.active, kinds, true, (uint16_t)-1);
    grant_status_clear(table, ref, place.active, true);
    spin_give(&table->lock);
    frame_put(&frame_table[place.frame]);
    return GNTST_okay;
}

/*
 * What back ends do most: from a granted frame to an own one that is writable already. False:
 * nothing was done. The order of checks makes no difference, as all of the target's hold here.
 */
static inline bool copy_short(struct domain *domain, struct gnttab_copy *operation)
{
    domid_t id = operation->source.domid;
    uint64_t number = operation->dest.u.gmfn;

    if (operation->flags != GNTCOPY_source_gref || operation->dest.domid != DOMID_SELF ||
        crosses_page(&operation->source, operation->len) ||
        crosses_page(&operation->dest, operation->len) || number >= frame_count_max() ||
        !frame_get_writable_again(&frame_table[number], domain))
        return false;
    bool own = id == DOMID_SELF || id == domain->id;
    struct domain *granter = own ? domain : domain_get_by_id(id);
    operation->status = GNTST_bad_domain;
    if (granter)
        operation->status =
            copy_from_grant(granter, domain, operation,
                            (char *)mfn_to_virtual(mfn(number)) + operation->dest.offset);
    if (granter && !own)
        domain_put(granter);
    if (!frame_put_writable_again(&frame_table[number]))
        frame_put_typed(&frame_table[number]);
    return true;
}

void grant_copy(struct domain *domain, struct gnttab_copy *operation)
{
    if (!copy_short(domain, operation))
        copy_any(domain, operation);
}
