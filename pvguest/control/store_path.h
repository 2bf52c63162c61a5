/* SPDX-License-Identifier: MIT */
/*
 * Store paths: which are legal, relative to absolute, and how two relate. Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>
#include <xen/xen.h>

#define STORE_ABSOLUTE_SIZE (XENSTORE_ABS_PATH_MAX + 1)

/* Characters, slashes and length of an absolute path. */
bool store_path_valid(const char *path);

/* Whether it names a special event ("@..."), which is legal for watches only. */
bool store_path_special(const char *path);

/*
 * Write the absolute form of a path that `domain` sent. `absolute` has STORE_ABSOLUTE_SIZE bytes.
 * Returns how many bytes in front the domain left out (0 for an absolute path), or -XEN_EINVAL.
 */
int store_path_resolve(domid_t domain, const char *path, char *absolute);

/* Whether `path` is `above` or lies below it. */
bool store_path_within(const char *path, const char *above);

/* Length of the parent's path (1 for the children of the root). The root has none: 0. */
size_t store_path_parent_length(const char *path);

/* The next component at *cursor (which points to a slash or the end); false at the end. */
bool store_path_component(const char **cursor, const char **name, size_t *length);
