/* SPDX-License-Identifier: MIT */
/*
 * Pages granted to one other domain for as long as a connection lasts. Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

struct front_buffer {
    char *page; /* NULL: none */
    grant_ref_t ref;
};

/* A page and its grant: 0 or a negative errno. */
int front_buffer_open(struct front_buffer *buffer, domid_t domain, bool readonly);

/* Take it back. A page that the other end keeps mapped is given up, not reused: false then. */
bool front_buffer_close(struct front_buffer *buffer);

/* The same for many; what was opened of them is closed by front_buffers_close() also on failure. */
int front_buffers_open(struct front_buffer *buffers, unsigned int count, domid_t domain,
                       bool readonly);
void front_buffers_close(struct front_buffer *buffers, unsigned int count);
