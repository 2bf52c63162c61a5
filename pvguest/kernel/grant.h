/* SPDX-License-Identifier: MIT */
/*
 * Grants, version 1: pages given to other domains, and other domains' pages mapped or copied.
 * Thread context.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

/* Let `domain` use a frame. */
int grant_access(domid_t domain, uint64_t mfn, bool readonly, grant_ref_t *ref);

/* Take it back: -XEN_EBUSY while the other end still has it mapped; the grant then stays. */
int grant_end_access(grant_ref_t ref);

struct grant_mapping {
    void *address; /* contiguous, count pages */
    size_t count;
    grant_handle_t *handles;
    uint64_t *machine_addresses; /* of each page, for a device's direct access */
};

/* Map pages that `domain` granted, side by side; all or none. */
int grant_map(domid_t domain, const grant_ref_t *refs, size_t count, bool readonly,
              struct grant_mapping *mapping);
int grant_unmap(struct grant_mapping *mapping);

/* Copy; each segment's status is in it. 0 when all succeeded, -XEN_EIO when one did not. */
int grant_copy(struct gnttab_copy *segments, size_t count);

/* Negative errno for a grant status GNTST_*. */
int grant_status_error(int16_t status);

/* Called once by start. */
void grant_start(void);
