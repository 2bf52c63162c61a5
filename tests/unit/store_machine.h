/* SPDX-License-Identifier: MIT */
/*
 * A store and its clients for tests: the control domain and domains 1 and 2, which have a home of
 * their own each, as the control domain makes them.
 */
#pragma once

#include "pvguest/control/store_database.h"
#include "tests/unit/store_client.h"

extern struct store_database database;
extern struct store_client control, one, two;
extern unsigned int introduced, released; /* calls of the one hook; the last domain of the other */

int store_machine_begin(void **state);
/* Audit, end everything, and see that no memory is left. */
int store_machine_end(void **state);

/*
 * Every account is what a count of the tree gives, and so are the mentions unless they say that
 * they are not. The root itself is nobody's.
 */
void store_machine_audit(void);
