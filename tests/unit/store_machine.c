/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "pvguest/control/store_account.h"
#include "tests/unit/host_heap.h"

struct store_database database;
struct store_client control, one, two;
unsigned int introduced, released;

static int introduce(domid_t domain, uint64_t mfn, evtchn_port_t port)
{
    introduced++;
    return domain == 7 && mfn == 1234 && port == 9 ? 0 : -XEN_EINVAL;
}

static int release(domid_t domain)
{
    released = domain;
    return 0;
}

static const struct store_domain_hooks hooks = {.introduce = introduce, .release = release};

int store_machine_begin(void **state)
{
    (void)state;
    assert_int_equal(store_database_init(&database, &hooks), 0);
    client_begin(&control, &database, 0);
    client_begin(&one, &database, 1);
    client_begin(&two, &database, 2);
    assert_int_equal(client_mkdir(&control, 0, "/local/domain/1"), 0);
    assert_int_equal(client_permit(&control, "/local/domain/1", "n1 r2"), 0);
    assert_int_equal(client_mkdir(&control, 0, "/local/domain/2"), 0);
    assert_int_equal(client_permit(&control, "/local/domain/2", "n2"), 0);
    return 0;
}

struct sum {
    domid_t domain;
    struct store_usage usage;
};

static void sum_node(struct store_node *node, void *argument)
{
    struct sum *sum = argument;

    if (node->permissions.entries[0].domain != sum->domain)
        return;
    sum->usage.nodes++;
    sum->usage.bytes += store_node_bytes(node);
}

static void audit_account(struct domain_link *link, void *argument)
{
    struct store_account *account = container_of(link, struct store_account, link);
    struct sum sum = {.domain = link->domain};

    (void)argument;
    store_node_visit(database.root, sum_node, &sum);
    if (link->domain == 0) {
        sum.usage.nodes--;
        sum.usage.bytes -= store_node_bytes(database.root);
    }
    assert_int_equal(account->usage.nodes, sum.usage.nodes);
    assert_int_equal(account->usage.bytes, sum.usage.bytes);
}

static void count_mentions(struct store_node *node, void *argument)
{
    struct store_mentions *mentions = argument;

    for (unsigned int i = 1; i < node->permissions.count; i++)
        mentions->counts[node->permissions.entries[i].domain % STORE_MENTIONS]++;
}

void store_machine_audit(void)
{
    struct store_mentions counted = {0};

    domain_table_visit(&database.accounts.table, audit_account, NULL);
    store_node_visit(database.root, count_mentions, &counted);
    if (!database.mentions.unknown)
        assert_memory_equal(&database.mentions, &counted, sizeof counted);
}

int store_machine_end(void **state)
{
    (void)state;
    store_machine_audit();
    store_connection_end(&control.connection);
    store_connection_end(&one.connection);
    store_connection_end(&two.connection);
    assert_int_equal(database.places.count, 0);
    store_database_destroy(&database);
    assert_int_equal(host_heap_blocks(), 0);
    return 0;
}
