/* SPDX-License-Identifier: MIT */
/*
 * SCHEDOP_watchdog: two timers of a domain, each of which ends it when it is not set anew in time.
 * Created by the first use, under the domain's life_lock; freed with the domain.
 */
#pragma once

#include <stdint.h>

struct domain;

/* As the ABI has it: id 0 takes a free one and returns its id; timeout 0 s gives it back. */
long watchdog_set(struct domain *domain, uint32_t id, uint32_t seconds);
void watchdogs_free(struct domain *domain);
