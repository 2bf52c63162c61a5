/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_client.h"

#include "pvguest/control/store_request.h"
#include "pvguest/kernel/store_error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ready(struct store_connection *connection)
{
    (void)connection;
}

void client_begin(struct store_client *client, struct store_database *database, domid_t domain)
{
    struct store_identity who = {
        .domain = domain,
        .target = DOMID_INVALID,
        .privileged = domain == 0,
    };

    store_connection_begin(&client->connection, database, &who, ready);
}

/* The next whole message, taken in uneven bites as a ring would. */
static bool client_receive(struct store_client *client)
{
    char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    size_t received = 0, size;
    const char *data;

    if (!store_connection_output(&client->connection, &data, &size))
        return false;
    do {
        size_t bite = size > 7 ? 7 : size;
        bool last = bite == size;

        memcpy(message + received, data, bite);
        received += bite;
        store_connection_sent(&client->connection, bite);
        if (last)
            break;
    } while (store_connection_output(&client->connection, &data, &size));
    memcpy(&client->header, message, sizeof(client->header));
    memcpy(client->payload, message + sizeof(client->header), client->header.len);
    client->payload[client->header.len] = '\0';
    return true;
}

int client_request(struct store_client *client, uint32_t type, uint32_t transaction,
                   const void *payload, size_t size)
{
    static uint32_t number;
    struct xsd_sockmsg header = {
        .type = type, .req_id = ++number, .tx_id = transaction, .len = (uint32_t)size};
    /* An exact copy, so that the sanitizer sees a read behind the end. */
    char *copy = malloc(size ? size : 1);

    memcpy(copy, payload, size);
    store_request_handle(&client->connection, &header, copy);
    free(copy);
    if (!client_receive(client) || client->header.req_id != number ||
        client->header.tx_id != transaction)
        abort();
    if (client->header.type == XS_ERROR)
        return store_error_number(client->payload);
    if (client->header.type != type)
        abort();
    return 0;
}

const char *client_event(struct store_client *client)
{
    if (!client_receive(client))
        return NULL;
    if (client->header.type != XS_WATCH_EVENT)
        abort();
    client->payload[strlen(client->payload)] = '|';
    return client->payload;
}

static int request_text(struct store_client *client, uint32_t type, uint32_t transaction,
                        const char *text)
{
    return client_request(client, type, transaction, text, strlen(text) + 1);
}

static int request_two(struct store_client *client, uint32_t type, uint32_t transaction,
                       const char *first, const char *second, size_t second_size)
{
    char payload[2 * XENSTORE_PAYLOAD_MAX];
    size_t first_size = strlen(first) + 1;

    memcpy(payload, first, first_size);
    memcpy(payload + first_size, second, second_size);
    return client_request(client, type, transaction, payload, first_size + second_size);
}

int client_read(struct store_client *client, uint32_t transaction, const char *path)
{
    return request_text(client, XS_READ, transaction, path);
}

int client_write(struct store_client *client, uint32_t transaction, const char *path,
                 const char *value)
{
    return request_two(client, XS_WRITE, transaction, path, value, strlen(value));
}

int client_remove(struct store_client *client, uint32_t transaction, const char *path)
{
    return request_text(client, XS_RM, transaction, path);
}

int client_mkdir(struct store_client *client, uint32_t transaction, const char *path)
{
    return request_text(client, XS_MKDIR, transaction, path);
}

int client_watch(struct store_client *client, const char *path, const char *token)
{
    return request_two(client, XS_WATCH, 0, path, token, strlen(token) + 1);
}

int client_permit(struct store_client *client, const char *path, const char *permissions)
{
    char text[256];

    snprintf(text, sizeof(text), "%s", permissions);
    for (char *blank = text; (blank = strchr(blank, ' ')) != NULL; blank++)
        *blank = '\0';
    return request_two(client, XS_SET_PERMS, 0, path, text, strlen(permissions) + 1);
}

uint32_t client_start(struct store_client *client)
{
    if (request_text(client, XS_TRANSACTION_START, 0, ""))
        return 0;
    return (uint32_t)strtoul(client->payload, NULL, 10);
}

int client_end(struct store_client *client, uint32_t transaction, bool commit)
{
    return request_text(client, XS_TRANSACTION_END, transaction, commit ? "T" : "F");
}
