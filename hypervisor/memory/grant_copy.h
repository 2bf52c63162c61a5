/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one frame to another, each named by a grant or, if it is the caller's
 * own, by its number. Both frames are pinned while the copy is made.
 */
#pragma once

#include <stdint.h>

#include <xen/grant_table.h>

struct domain;

void grant_copy(struct domain *domain, struct gnttab_copy *operation);
