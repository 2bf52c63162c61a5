/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a node. The first entry names the owner, who may do everything, and the
 * rights of all domains that no later entry names. Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

#define STORE_ACCESS_READ  1u
#define STORE_ACCESS_WRITE 2u
#define STORE_ACCESS_OWNER 4u
#define STORE_ACCESS_ALL   (STORE_ACCESS_READ | STORE_ACCESS_WRITE | STORE_ACCESS_OWNER)

/* Entries per node: owner, back end, and a few more. */
#define STORE_PERMISSIONS_MAX 6

struct store_permission {
    domid_t domain;
    unsigned char access; /* of STORE_ACCESS_READ, STORE_ACCESS_WRITE */
};

struct store_permissions {
    unsigned int count; /* at least 1 */
    struct store_permission entries[STORE_PERMISSIONS_MAX];
};

/* Who asks. The target is a domain on whose behalf it acts; DOMID_INVALID: none. */
struct store_identity {
    domid_t domain;
    domid_t target;
    bool privileged;
};

unsigned int store_permission_access(const struct store_permissions *permissions,
                                     const struct store_identity *who);

/*
 * Read the strings ("n0", "r5", ...), each with its terminator, that fill `size` bytes.
 * -XEN_EINVAL for anything else, -XEN_ENOSPC for more entries than a node can have.
 */
int store_permission_parse(const char *text, size_t size, struct store_permissions *permissions);

/* One entry as text, terminated; `text` has at least 8 bytes. Returns the length. */
size_t store_permission_format(const struct store_permission *entry, char *text);
#define STORE_PERMISSION_TEXT_SIZE 8

/* Take away the rights of a domain that is no more; its nodes go to domain 0. */
void store_permission_forget(struct store_permissions *permissions, domid_t domain);
