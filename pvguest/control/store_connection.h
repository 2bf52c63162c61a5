/* SPDX-License-Identifier: MIT */
/*
 * One client's standing with the store: who it is, its watches and transactions, and what is to be
 * sent to it: one reply and a bounded queue of watch events. A client takes one request at a time:
 * the next is handled when the reply to the last has left, so a client that does not read cannot
 * make the store grow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/list.h"
#include "pvguest/control/domain_table.h"
#include "pvguest/control/store_permission.h"
#include <xen/io/xs_wire.h>

struct store_database;

struct store_connection {
    struct domain_link link;
    struct store_database *database;
    struct store_identity who;

    struct list observers;
    unsigned int observer_count;
    unsigned int observed_names; /* in their paths */
    struct list transactions;
    unsigned int transaction_count;

    struct list events;
    unsigned int event_count;
    size_t event_bytes;
    bool missed; /* some observer has missed set */
    size_t sent; /* bytes of the message being sent */
    bool sending_event;
    bool replying; /* a reply is complete and not yet sent */

    /* The transport's: something to send has been queued. Must not call the store. */
    void (*ready)(struct store_connection *connection);

    struct {
        struct xsd_sockmsg header;
        char payload[XENSTORE_PAYLOAD_MAX];
    } reply;
};

void store_connection_begin(struct store_connection *connection, struct store_database *database,
                            const struct store_identity *who,
                            void (*ready)(struct store_connection *connection));

/* Drop watches, transactions and everything not yet sent. */
void store_connection_reset(struct store_connection *connection);

/* The same, and leave the database. */
void store_connection_end(struct store_connection *connection);

/* Reply to a request: start, add pieces, finish; an error replaces all pieces. */
void store_reply_start(struct store_connection *connection, const struct xsd_sockmsg *request);
int store_reply_add(struct store_connection *connection, const void *data, size_t size);
void store_reply_finish(struct store_connection *connection, int error);

/* Queue a watch event. False: not queued (quota, memory). An equal unsent event is enough. */
bool store_connection_add_event(struct store_connection *connection, const char *path,
                                const char *token);

/* The bytes to be sent next, and how many of them were. False when there is nothing. */
bool store_connection_output(struct store_connection *connection, const char **data, size_t *size);
void store_connection_sent(struct store_connection *connection, size_t size);
