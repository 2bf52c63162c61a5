/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/grant_copy.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/type.h"
#include "lib/string.h"

/* One end of a copy. */
struct side {
    const struct gnttab_copy_ptr *pointer;
    bool granted, readonly;
    struct domain *owner; /* referenced */
    struct frame *frame;  /* pinned, or referenced if it is not granted */
};

static int16_t own_frame_hold(struct side *side)
{
    mfn_t number = mfn(side->pointer->u.gmfn);

    if (!mfn_is_ram(number))
        return GNTST_bad_page;
    side->frame = mfn_to_frame(number);
    if (side->readonly)
        return frame_get(side->frame, side->owner) ? GNTST_okay : GNTST_bad_page;
    if (!frame_get(side->frame, side->owner))
        return GNTST_bad_page;
    if (frame_type_get(side->frame, FRAME_TYPE_WRITABLE)) {
        frame_put(side->frame);
        return GNTST_general_error;
    }
    return GNTST_okay;
}

static int16_t side_hold(struct side *side, struct domain *domain)
{
    domid_t id = side->pointer->domid;

    /* A frame number may only name one's own frame. */
    if (!side->granted && id != DOMID_SELF)
        return GNTST_permission_denied;
    side->owner = domain_get_by_id(id == DOMID_SELF ? domain->id : id);
    if (!side->owner)
        return GNTST_bad_domain;
    int16_t status = side->granted ? grant_pin(side->owner, side->pointer->u.ref, domain,
                                               1u << GRANT_HOST, side->readonly, &side->frame)
                                   : own_frame_hold(side);
    if (status != GNTST_okay)
        domain_put(side->owner);
    return status;
}

static void side_release(struct side *side)
{
    if (side->granted)
        grant_unpin(side->owner, side->pointer->u.ref, 1u << GRANT_HOST, side->readonly,
                    side->frame);
    else if (side->readonly)
        frame_put(side->frame);
    else
        frame_put_typed(side->frame);
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

void grant_copy(struct domain *domain, struct gnttab_copy *operation)
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
        side_release(&target);
    }
    side_release(&source);
}
