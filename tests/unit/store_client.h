/* SPDX-License-Identifier: MIT */
/*
 * A client of the store's pure logic for tests: sends wire messages into a connection and takes
 * replies and events out of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvguest/control/store_connection.h"
#include "pvguest/control/store_database.h"

struct store_client {
    struct store_connection connection;
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX + 1]; /* of the last message, terminated */
};

void client_begin(struct store_client *client, struct store_database *database, domid_t domain);

/* Send a request; 0 or the negative errno of the reply, whose payload is left in the client. */
int client_request(struct store_client *client, uint32_t type, uint32_t transaction,
                   const void *payload, size_t size);

/* The next event as "path|token", or NULL. */
const char *client_event(struct store_client *client);

/* Requests by name; path and value are strings. */
int client_read(struct store_client *client, uint32_t transaction, const char *path);
int client_write(struct store_client *client, uint32_t transaction, const char *path,
                 const char *value);
int client_remove(struct store_client *client, uint32_t transaction, const char *path);
int client_mkdir(struct store_client *client, uint32_t transaction, const char *path);
int client_watch(struct store_client *client, const char *path, const char *token);
/* Permissions separated by blanks. */
int client_permit(struct store_client *client, const char *path, const char *permissions);
uint32_t client_start(struct store_client *client);
int client_end(struct store_client *client, uint32_t transaction, bool commit);
