/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_account.h"

#include "pvguest/kernel/heap.h"

struct store_account *store_account_find(struct list *accounts, domid_t domain)
{
    list_for_each(position, accounts)
    {
        struct store_account *account = container_of(position, struct store_account, link);

        if (account->domain == domain)
            return account;
    }
    return NULL;
}

struct store_account *store_account_obtain(struct list *accounts, domid_t domain)
{
    struct store_account *account = store_account_find(accounts, domain);

    if (account != NULL)
        return account;
    account = heap_allocate_zeroed(sizeof(*account));
    if (account == NULL)
        return NULL;
    account->domain = domain;
    list_push_back(accounts, &account->link);
    return account;
}

void store_account_reap(struct list *accounts)
{
    list_for_each_safe(position, following, accounts)
    {
        struct store_account *account = container_of(position, struct store_account, link);

        if (account->usage.nodes > 0)
            continue;
        list_remove(&account->link);
        heap_free(account);
    }
}

void store_account_save(struct list *accounts)
{
    list_for_each(position, accounts)
    {
        struct store_account *account = container_of(position, struct store_account, link);

        account->saved = account->usage;
    }
}

void store_account_restore(struct list *accounts)
{
    list_for_each(position, accounts)
    {
        struct store_account *account = container_of(position, struct store_account, link);

        account->usage = account->saved;
    }
}
