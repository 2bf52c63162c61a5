/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_request.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/store_database.h"
#include "pvguest/control/store_observer.h"
#include "pvguest/control/store_transaction.h"
#include <xen/errno.h>

struct request {
    struct store_connection *connection;
    struct store_database *database;
    const struct xsd_sockmsg *header;
    struct store_transaction *transaction; /* NULL: the main version */
    const char *text;                      /* first string of the payload, when it has one */
    const char *path;                      /* the same, absolute, for rows that say so */
    size_t base;                           /* what was put in front of it */
    const char *rest;                      /* the payload behind the first string */
    size_t rest_size;
};

static struct store_node *request_root(const struct request *request)
{
    return request->transaction ? request->transaction->root : request->database->root;
}

/* The node that a reading request names. */
static int request_node(struct request *request, struct store_node **node)
{
    int error = 0;

    if (request->transaction != NULL)
        error = store_transaction_read(request->connection, request->transaction, request->path);
    if (error)
        return error;
    return store_tree_get(request_root(request), &request->connection->who, request->path,
                          STORE_ACCESS_READ, node);
}

static int request_apply(struct request *request, struct store_operation *operation)
{
    operation->path = request->path;
    if (request->transaction != NULL)
        return store_transaction_apply(request->connection, request->transaction, operation);
    return store_database_apply(request->database, &request->connection->who, operation);
}

static int reply_text(struct request *request, const char *text)
{
    return store_reply_add(request->connection, text, strlen(text) + 1);
}

static int handle_read(struct request *request)
{
    struct store_node *node;
    int error = request_node(request, &node);

    return error ? error : store_reply_add(request->connection, node->value, node->value_size);
}

static int handle_directory(struct request *request)
{
    struct store_node *node;
    int error = request_node(request, &node);

    for (uint32_t i = 0; !error && i < node->child_count; i++)
        error = reply_text(request, node->children[i]->name);
    return error;
}

/*
 * Names from a byte offset on, as many as fit whole; an empty string marks the end of the list.
 * The generation in front lets the client see that the list changed between two parts.
 */
static int handle_directory_part(struct request *request)
{
    const char *cursor = request->rest;
    uint64_t offset, position = 0;
    char generation[24];
    struct store_node *node;
    int error;

    if (request->rest_size == 0 || memchr(cursor, '\0', request->rest_size) == NULL ||
        !text_parse_unsigned(&cursor, &offset) || *cursor != '\0')
        return -XEN_EINVAL;
    error = request_node(request, &node);
    if (error)
        return error;
    format_text(generation, sizeof(generation), "%llu", (unsigned long long)node->generation);
    reply_text(request, generation);
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct store_node *child = node->children[i];
        size_t room = XENSTORE_PAYLOAD_MAX - request->connection->reply.header.len;

        if (position >= offset) {
            if (child->name_length + 2 > room)
                return 0;
            reply_text(request, child->name);
        }
        position += child->name_length + 1;
    }
    return reply_text(request, "");
}

static int handle_get_permissions(struct request *request)
{
    struct store_node *node;
    int error = request_node(request, &node);

    for (unsigned int i = 0; !error && i < node->permissions.count; i++) {
        char text[STORE_PERMISSION_TEXT_SIZE];

        store_permission_format(&node->permissions.entries[i], text);
        error = reply_text(request, text);
    }
    return error;
}

static int handle_set_permissions(struct request *request)
{
    struct store_operation operation = {.type = STORE_OPERATION_SET_PERMISSIONS};
    int error = store_permission_parse(request->rest, request->rest_size, &operation.permissions);

    return error ? error : request_apply(request, &operation);
}

static int handle_write(struct request *request)
{
    struct store_operation operation = {
        .type = STORE_OPERATION_WRITE,
        .value = request->rest,
        .value_size = request->rest_size,
    };

    return request_apply(request, &operation);
}

static int handle_mkdir(struct request *request)
{
    struct store_operation operation = {.type = STORE_OPERATION_MKDIR};

    return request_apply(request, &operation);
}

static int handle_remove(struct request *request)
{
    struct store_operation operation = {.type = STORE_OPERATION_REMOVE};

    return request_apply(request, &operation);
}

/* The second of exactly two strings, or NULL. */
static const char *second_text(const struct request *request)
{
    const char *end = request->rest_size ? memchr(request->rest, '\0', request->rest_size) : NULL;

    return end != NULL && end + 1 == request->rest + request->rest_size ? request->rest : NULL;
}

static int handle_watch(struct request *request)
{
    const char *token = second_text(request);

    if (token == NULL)
        return -XEN_EINVAL;
    return store_observer_add(request->connection, request->path, request->base, token);
}

static int handle_unwatch(struct request *request)
{
    const char *token = second_text(request);

    if (token == NULL)
        return -XEN_EINVAL;
    return store_observer_remove(request->connection, request->path, token);
}

static int handle_reset_watches(struct request *request)
{
    store_observer_remove_all(request->connection);
    store_transaction_abort_all(request->connection);
    return 0;
}

static int handle_transaction_start(struct request *request)
{
    char text[16];
    uint32_t id;
    int error;

    if (request->transaction != NULL)
        return -XEN_EBUSY;
    error = store_transaction_begin(request->connection, &id);
    if (error)
        return error;
    format_text(text, sizeof(text), "%u", id);
    return reply_text(request, text);
}

static int handle_transaction_end(struct request *request)
{
    if (request->transaction == NULL)
        return -XEN_ENOENT;
    if (strcmp(request->text, "T") == 0)
        return store_transaction_commit(request->connection, request->transaction);
    if (strcmp(request->text, "F") != 0)
        return -XEN_EINVAL;
    store_transaction_abort(request->connection, request->transaction);
    return 0;
}

static int number_parse(const char *text, uint64_t limit, uint64_t *number)
{
    const char *cursor = text;

    if (!text_parse_unsigned(&cursor, number) || *cursor != '\0' || *number > limit)
        return -XEN_EINVAL;
    return 0;
}

static int handle_get_domain_path(struct request *request)
{
    char text[32];
    uint64_t domain;
    int error = number_parse(request->text, UINT16_MAX, &domain);

    if (error)
        return error;
    format_text(text, sizeof(text), "/local/domain/%u", (unsigned int)domain);
    return reply_text(request, text);
}

static int handle_is_introduced(struct request *request)
{
    uint64_t domain;
    int error = number_parse(request->text, UINT16_MAX, &domain);

    if (error)
        return error;
    return reply_text(request,
                      store_database_connection(request->database, (domid_t)domain) ? "T" : "F");
}

/* Three strings: domain, frame of the ring, port of the event channel. */
static int handle_introduce(struct request *request)
{
    const char *frame = request->rest, *end, *port;
    uint64_t domain, mfn, channel;

    end = request->rest_size ? memchr(frame, '\0', request->rest_size) : NULL;
    if (end == NULL || end + 1 == frame + request->rest_size ||
        request->rest[request->rest_size - 1] != '\0')
        return -XEN_EINVAL;
    port = end + 1;
    if (number_parse(request->text, DOMID_FIRST_RESERVED - 1, &domain) ||
        number_parse(frame, UINT64_MAX, &mfn) || number_parse(port, UINT32_MAX, &channel))
        return -XEN_EINVAL;
    return request->database->hooks->introduce((domid_t)domain, mfn, (evtchn_port_t)channel);
}

static int handle_release(struct request *request)
{
    uint64_t domain;

    if (number_parse(request->text, DOMID_FIRST_RESERVED - 1, &domain))
        return -XEN_EINVAL;
    return request->database->hooks->release((domid_t)domain);
}

/* Nothing here remembers that a domain was shut down, so there is nothing to forget. */
static int handle_resume(struct request *request)
{
    uint64_t domain;

    if (number_parse(request->text, DOMID_FIRST_RESERVED - 1, &domain))
        return -XEN_EINVAL;
    return store_database_connection(request->database, (domid_t)domain) ? 0 : -XEN_ENOENT;
}

static int handle_set_target(struct request *request)
{
    const char *text = second_text(request);
    struct store_connection *connection;
    uint64_t domain, target;

    if (text == NULL || number_parse(request->text, DOMID_FIRST_RESERVED - 1, &domain) ||
        number_parse(text, DOMID_FIRST_RESERVED - 1, &target))
        return -XEN_EINVAL;
    connection = store_database_connection(request->database, (domid_t)domain);
    if (connection == NULL)
        return -XEN_ENOENT;
    connection->who.target = (domid_t)target;
    return 0;
}

#define TAKES_PATH    1u  /* the first string is a path */
#define TAKES_SPECIAL 2u  /* which may be a special event's name */
#define TAKES_TEXT    4u  /* there is a first string */
#define TAKES_REST    8u  /* and more behind it */
#define TRANSACTIONAL 16u /* tx_id counts */
#define PRIVILEGED    32u /* for the control domain only */
#define SAYS_OK       64u /* the reply of success */

struct request_rule {
    int (*handle)(struct request *request);
    unsigned int flags;
};

#define PATH_FLAGS (TAKES_TEXT | TAKES_PATH | TRANSACTIONAL)

static const struct request_rule rules[XS_TYPE_COUNT] = {
    [XS_DIRECTORY] = {handle_directory, PATH_FLAGS},
    [XS_DIRECTORY_PART] = {handle_directory_part, PATH_FLAGS | TAKES_REST},
    [XS_READ] = {handle_read, PATH_FLAGS},
    [XS_GET_PERMS] = {handle_get_permissions, PATH_FLAGS},
    [XS_WRITE] = {handle_write, PATH_FLAGS | TAKES_REST | SAYS_OK},
    [XS_MKDIR] = {handle_mkdir, PATH_FLAGS | SAYS_OK},
    [XS_RM] = {handle_remove, PATH_FLAGS | SAYS_OK},
    [XS_SET_PERMS] = {handle_set_permissions, PATH_FLAGS | TAKES_REST | SAYS_OK},
    [XS_WATCH] = {handle_watch, TAKES_TEXT | TAKES_PATH | TAKES_SPECIAL | TAKES_REST | SAYS_OK},
    [XS_UNWATCH] = {handle_unwatch, TAKES_TEXT | TAKES_PATH | TAKES_SPECIAL | TAKES_REST | SAYS_OK},
    [XS_RESET_WATCHES] = {handle_reset_watches, SAYS_OK},
    [XS_TRANSACTION_START] = {handle_transaction_start, TRANSACTIONAL},
    [XS_TRANSACTION_END] = {handle_transaction_end, TAKES_TEXT | TRANSACTIONAL | SAYS_OK},
    [XS_INTRODUCE] = {handle_introduce, TAKES_TEXT | TAKES_REST | PRIVILEGED | SAYS_OK},
    [XS_RELEASE] = {handle_release, TAKES_TEXT | PRIVILEGED | SAYS_OK},
    [XS_RESUME] = {handle_resume, TAKES_TEXT | PRIVILEGED | SAYS_OK},
    [XS_SET_TARGET] = {handle_set_target, TAKES_TEXT | TAKES_REST | PRIVILEGED | SAYS_OK},
    [XS_GET_DOMAIN_PATH] = {handle_get_domain_path, TAKES_TEXT},
    [XS_IS_DOMAIN_INTRODUCED] = {handle_is_introduced, TAKES_TEXT},
};

/* Split the payload and resolve the path as the row says. */
static int request_parse(struct request *request, unsigned int flags, const char *payload)
{
    size_t size = request->header->len;
    const char *end;
    int base;

    if (!(flags & TAKES_TEXT))
        return 0;
    end = size ? memchr(payload, '\0', size) : NULL;
    if (end == NULL)
        return -XEN_EINVAL;
    request->text = payload;
    request->rest = end + 1;
    request->rest_size = size - (size_t)(request->rest - payload);
    if (request->rest_size > 0 && !(flags & TAKES_REST))
        return -XEN_EINVAL;
    if (!(flags & TAKES_PATH))
        return 0;
    base = store_path_resolve(request->connection->who.domain, payload, request->database->path);
    if (base < 0)
        return base;
    if (store_path_special(request->database->path) && !(flags & TAKES_SPECIAL))
        return -XEN_EINVAL;
    request->path = request->database->path;
    request->base = (size_t)base;
    return 0;
}

static int request_run(struct request *request, const char *payload)
{
    const struct xsd_sockmsg *header = request->header;
    const struct request_rule *rule;
    int error;

    if (header->type >= XS_TYPE_COUNT || rules[header->type].handle == NULL)
        return -XEN_ENOSYS;
    rule = &rules[header->type];
    if ((rule->flags & PRIVILEGED) && !request->connection->who.privileged)
        return -XEN_EACCES;
    if ((rule->flags & TRANSACTIONAL) && header->tx_id != 0) {
        request->transaction = store_transaction_find(request->connection, header->tx_id);
        if (request->transaction == NULL)
            return -XEN_ENOENT;
    }
    error = request_parse(request, rule->flags, payload);
    if (error)
        return error;
    error = rule->handle(request);
    if (!error && (rule->flags & SAYS_OK))
        error = store_reply_add(request->connection, "OK", sizeof("OK"));
    return error;
}

void store_request_handle(struct store_connection *connection, const struct xsd_sockmsg *header,
                          const char *payload)
{
    struct request request = {
        .connection = connection,
        .database = connection->database,
        .header = header,
    };

    store_reply_start(connection, header);
    store_reply_finish(connection, request_run(&request, payload));
}
