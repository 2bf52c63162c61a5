/* SPDX-License-Identifier: MIT */
/*
 * ICMP echo, one at a time. Threads only; one thread at a time.
 */
#pragma once

#include <stdint.h>

#include "lwip/ip4_addr.h"

/* 0 and the time until the answer came, -XEN_ETIMEDOUT, or another negative errno. */
int ping(const ip4_addr_t *address, uint64_t timeout_ns, uint64_t *took_ns);
