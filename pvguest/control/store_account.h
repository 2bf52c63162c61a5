/* SPDX-License-Identifier: MIT */
/*
 * How much of the tree each domain owns. An account exists while its domain owns nodes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/list.h"
#include <xen/xen.h>

struct store_usage {
    unsigned int nodes;
    size_t bytes;
};

struct store_account {
    struct list link;
    domid_t domain;
    struct store_usage usage, saved;
};

/* The domain's account, or NULL when it owns nothing. */
struct store_account *store_account_find(struct list *accounts, domid_t domain);

/* The same, opened when there is none; NULL when memory is exhausted. */
struct store_account *store_account_obtain(struct list *accounts, domid_t domain);

/* Close what is empty. */
void store_account_reap(struct list *accounts);

/* Remember all figures, and go back to them. */
void store_account_save(struct list *accounts);
void store_account_restore(struct list *accounts);
