/* SPDX-License-Identifier: MIT */
/*
 * The store as a whole: the main version of the tree, what each domain owns of it, and who is
 * connected. Pure logic: rings, channels and threads are store_server.c's, the direct way in is
 * store_local.c's. Nothing here waits; cooperative threads need no lock around a call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/domain_table.h"
#include "pvguest/control/store_path.h"
#include "pvguest/control/store_place.h"
#include "pvguest/control/store_tree.h"
#include <xen/event_channel.h>
#include <xen/xen.h>

/* What INTRODUCE and RELEASE mean for the rings. */
struct store_domain_hooks {
    int (*introduce)(domid_t domain, uint64_t mfn, evtchn_port_t port);
    int (*release)(domid_t domain);
};

struct store_database {
    struct store_node *root;
    uint64_t generation;
    struct store_accounts accounts;
    struct store_mentions mentions;
    struct domain_table connections;
    struct store_places places;
    uint32_t last_transaction;
    const struct store_domain_hooks *hooks;
    char path[STORE_ABSOLUTE_SIZE];  /* of the request that is being handled */
    char other[STORE_ABSOLUTE_SIZE]; /* for a second path meanwhile */
};

/* An empty store: /, /tool, /local and /local/domain, readable by all. */
int store_database_init(struct store_database *database, const struct store_domain_hooks *hooks);

/* Free the tree; all connections have ended. */
void store_database_destroy(struct store_database *database);

/* The main version. */
struct store_view store_database_view(struct store_database *database);

/* Do one operation on the main version and tell those who watch. */
int store_database_apply(struct store_database *database, const struct store_identity *who,
                         const struct store_operation *operation);

/* The connection of a domain, or NULL. */
struct store_connection *store_database_connection(struct store_database *database, domid_t domain);
