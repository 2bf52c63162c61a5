/* SPDX-License-Identifier: MIT */
/*
 * How much of the tree each domain owns. An account exists while its domain owns nodes; all are
 * closed with the database.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pvguest/control/domain_table.h"
#include <xen/xen.h>

struct store_usage {
    unsigned int nodes;
    size_t bytes;
};

struct store_account {
    struct domain_link link;
    struct store_usage usage, saved;
    uint64_t round; /* in which `saved` was */
};

struct store_accounts {
    struct domain_table table;
    uint64_t round; /* of saving; who looks an account up may change it, so it is saved then */
};

void store_accounts_init(struct store_accounts *accounts);
void store_accounts_destroy(struct store_accounts *accounts);

/* The domain's account, or NULL when it owns nothing. */
struct store_account *store_account_find(struct store_accounts *accounts, domid_t domain);

/* The same, opened when there is none; NULL when memory is exhausted. */
struct store_account *store_account_obtain(struct store_accounts *accounts, domid_t domain);

/* Close an empty account. */
void store_account_close(struct store_account *account);

/* Remember all figures, and go back to them. */
void store_accounts_save(struct store_accounts *accounts);
void store_accounts_restore(struct store_accounts *accounts);
