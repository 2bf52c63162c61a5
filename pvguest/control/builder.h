/* SPDX-License-Identifier: MIT */
/*
 * The domain builder: from a configuration and a kernel to a paused domain that lacks only its
 * store entries. The layout of its memory is computed by lib/pv_layout, as for the first domain.
 *
 * Owns nothing between calls. Threads only. Each failure is one notice() that says what was wrong,
 * and leaves nothing behind.
 */
#pragma once

#include <stdint.h>
#include <xen/domctl.h>

#include "pvguest/control/configuration.h"

/* The pages and ports a guest shares with this domain from the start. */
/* What a domain may own beyond its memory, as Xen's tools allow it. */
#define BUILDER_MEMORY_SLACK_KIB 1024

struct builder_rings {
    uint64_t store_mfn, console_mfn;
    evtchn_port_t store_port, console_port; /* the guest's ends */
};

/* 0 with the domain's identifier and rings, or -XEN_E… after a notice. */
int builder_build(const struct configuration *configuration, const xen_domain_handle_t handle,
                  domid_t *domain, struct builder_rings *rings);
