/* SPDX-License-Identifier: MIT */
/*
 * The store client of several domains in one host program: the calls of pvguest/kernel/store.h go
 * to the store's real logic in the name of the present domain. Watch functions run when the test
 * says so, each in the name of the domain that registered it.
 */
#pragma once

#include "tests/unit/store_client.h"

#define FAKE_DOMAINS 4

extern struct store_database fake_database;
extern struct store_client fake_clients[FAKE_DOMAINS];

/* Make the store with domains 0 to FAKE_DOMAINS - 1 in it, and take it down. */
void fake_begin(void);
void fake_end(void);

/* In whose name calls are made from now on. */
void fake_become(domid_t domain);

/* Deliver one event, if there is one. */
bool fake_step(void);
/* The same for one domain: what happens there while another is in the middle of something. */
bool fake_step_of(domid_t domain);

/* Deliver events until there are no more; fails the test when that has no end. */
void fake_run(void);
