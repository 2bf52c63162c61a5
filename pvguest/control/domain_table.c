/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_table.h"

#include <stddef.h>

void domain_table_init(struct domain_table *table)
{
    for (size_t i = 0; i < DOMAIN_TABLE_SIZE; i++)
        list_init(&table->lists[i]);
}

void domain_table_add(struct domain_table *table, struct domain_link *link, domid_t domain)
{
    link->domain = domain;
    list_push_front(&table->lists[domain % DOMAIN_TABLE_SIZE], &link->list);
}

void domain_table_remove(struct domain_link *link)
{
    list_remove(&link->list);
}

struct domain_link *domain_table_find(const struct domain_table *table, domid_t domain)
{
    list_for_each(position, &table->lists[domain % DOMAIN_TABLE_SIZE])
    {
        struct domain_link *link = container_of(position, struct domain_link, list);

        if (link->domain == domain)
            return link;
    }
    return NULL;
}

void domain_table_visit(struct domain_table *table, domain_visit_t *visit, void *argument)
{
    for (size_t i = 0; i < DOMAIN_TABLE_SIZE; i++) {
        list_for_each_safe(position, following, &table->lists[i])
        {
            visit(container_of(position, struct domain_link, list), argument);
        }
    }
}
