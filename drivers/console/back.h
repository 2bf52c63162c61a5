/* SPDX-License-Identifier: MIT */
/*
 * Console back end: one console per domain. A thread drains the rings into a bounded log each and
 * hands the bytes to whoever is attached. A domain that floods is read at a limited rate and waits
 * for it; a domain whose ring makes no sense loses its console, alone.
 *
 * Owns: the list of consoles. Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/xen.h>

#define CONSOLE_LOG_SIZE 16384

/* Called in the console thread with output as it comes; must not wait. */
typedef void console_sink_t(const char *data, size_t size, void *argument);

/* Map the domain's ring and bind its channel. 0 or a negative errno. */
int console_back_open(domid_t domain, uint64_t ring_mfn, evtchn_port_t remote_port);

/* Take what is left in the ring, then give up ring, channel and log. No such console: nothing. */
void console_back_close(domid_t domain);

/* Send the log's end and all further output to `sink`. -XEN_ESRCH, -XEN_EBUSY when attached. */
int console_back_attach(domid_t domain, console_sink_t *sink, void *argument);
void console_back_detach(domid_t domain);

/* Whether the domain has a working console. */
bool console_back_present(domid_t domain);

/* Input for the domain: number of bytes accepted (what does not fit is dropped), or an errno. */
int console_back_input(domid_t domain, const char *data, size_t size);

/*
 * Read the log from *position on (0: the oldest byte kept) and move it. Number of bytes; 0 at the
 * end or without a console. Positions count all bytes ever written.
 */
size_t console_back_log(domid_t domain, uint64_t *position, char *buffer, size_t size);
