/* SPDX-License-Identifier: MIT */
/*
 * This domain's end of the PV console that its builder gave it. The other end may write anything
 * into the indices; impossible ones read as "nothing to take, no room". The caller masks events.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/xen.h>

/* Whether this domain has a console ring; its event channel. */
bool console_ring_present(void);
evtchn_port_t console_ring_port(void);

/* Store what fits, take what is there; both return the number of bytes and notify. */
size_t console_ring_write(const char *data, size_t size);
size_t console_ring_read(char *buffer, size_t size);

/* Whether all that was written has been taken. */
bool console_ring_drained(void);
