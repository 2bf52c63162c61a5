/* SPDX-License-Identifier: MIT */
/*
 * Further virtual CPUs of an attacker, 1 and up. They run a function that never returns, bare: on a
 * stack of their own and without handlers, events masked, so that they can do little but make
 * hypercalls.
 */
#pragma once

#include <stdbool.h>

#define RACERS 2

/* Start them; false when the domain has not that many. */
bool racers_start(void (*function)(void));
