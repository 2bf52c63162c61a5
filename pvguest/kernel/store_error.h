/* SPDX-License-Identifier: MIT */
/*
 * Errors travel through the store as names. Pure functions.
 */
#pragma once

/* The name of a negative Xen errno; "EINVAL" for one that the protocol has no name for. */
const char *store_error_name(int error);

/* The negative Xen errno of a name; -XEN_EIO for an unknown one. */
int store_error_number(const char *name);
