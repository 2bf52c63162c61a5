/* SPDX-License-Identifier: MIT */
/*
 * The machine-to-physical table as seen by guests: its place, and its frames for a privileged
 * domain that maps it by DOMID_XEN.
 */
#pragma once

#include <stdint.h>

#include <xen/memory.h>

/* Start-up, once the table is mapped and the frame table is there: its frames become DOMID_XEN's,
 * to be mapped read-only. */
void machphys_start(void);

long machphys_get_mapping(struct xen_machphys_mapping *mapping);
long machphys_get_frames(struct xen_machphys_mfn_list *list);
