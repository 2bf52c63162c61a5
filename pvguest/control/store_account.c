/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_account.h"

#include "pvguest/kernel/heap.h"

static struct store_account *account_of(struct domain_link *link)
{
    return container_of(link, struct store_account, link);
}

void store_accounts_init(struct store_accounts *accounts)
{
    domain_table_init(&accounts->table);
    accounts->round = 0;
}

static void close_link(struct domain_link *link, void *argument)
{
    (void)argument;
    store_account_close(account_of(link));
}

void store_accounts_destroy(struct store_accounts *accounts)
{
    domain_table_visit(&accounts->table, close_link, NULL);
}

struct store_account *store_account_find(struct store_accounts *accounts, domid_t domain)
{
    struct domain_link *link = domain_table_find(&accounts->table, domain);
    struct store_account *account;

    if (link == NULL)
        return NULL;
    account = account_of(link);
    if (account->round != accounts->round) {
        account->round = accounts->round;
        account->saved = account->usage;
    }
    return account;
}

struct store_account *store_account_obtain(struct store_accounts *accounts, domid_t domain)
{
    struct store_account *account = store_account_find(accounts, domain);

    if (account != NULL)
        return account;
    account = heap_allocate_zeroed(sizeof(*account));
    if (account == NULL)
        return NULL;
    account->round = accounts->round;
    domain_table_add(&accounts->table, &account->link, domain);
    return account;
}

void store_account_close(struct store_account *account)
{
    domain_table_remove(&account->link);
    heap_free(account);
}

void store_accounts_save(struct store_accounts *accounts)
{
    accounts->round++;
}

static void restore_link(struct domain_link *link, void *argument)
{
    const struct store_accounts *accounts = argument;
    struct store_account *account = account_of(link);

    if (account->round == accounts->round)
        account->usage = account->saved;
}

void store_accounts_restore(struct store_accounts *accounts)
{
    domain_table_visit(&accounts->table, restore_link, accounts);
}
