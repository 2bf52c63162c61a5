/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_directory.h"

#include <stddef.h>
#include <stdint.h>

#include "lib/string.h"

#define NAME_LISTS 256

static struct list all = {&all, &all};
static struct list names[NAME_LISTS];
static struct domain_table numbers;

void domain_directory_start(void)
{
    for (size_t i = 0; i < NAME_LISTS; i++)
        list_init(&names[i]);
    domain_table_init(&numbers);
}

/* FNV-1a. */
static struct list *list_of_name(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &names[(hash ^ hash >> 16) % NAME_LISTS];
}

void domain_directory_add(struct domain_record *record)
{
    list_push_back(&all, &record->link);
    list_push_back(list_of_name(record->configuration->name), &record->name_link);
    domain_table_add(&numbers, &record->number_link, record->id);
}

void domain_directory_remove(struct domain_record *record)
{
    list_remove(&record->link);
    list_remove(&record->name_link);
    domain_table_remove(&record->number_link);
}

struct domain_record *domain_directory_find(domid_t domain)
{
    struct domain_link *link = domain_table_find(&numbers, domain);

    return link ? container_of(link, struct domain_record, number_link) : NULL;
}

struct domain_record *domain_directory_find_name(const char *name)
{
    list_for_each(position, list_of_name(name))
    {
        struct domain_record *record = container_of(position, struct domain_record, name_link);

        if (strcmp(record->configuration->name, name) == 0)
            return record;
    }
    return NULL;
}

struct domain_record *domain_directory_first(void)
{
    struct list *first = list_first(&all);

    return first ? container_of(first, struct domain_record, link) : NULL;
}

struct domain_record *domain_directory_next(const struct domain_record *record)
{
    struct list *next = record->link.next;

    return next == &all ? NULL : container_of(next, struct domain_record, link);
}
