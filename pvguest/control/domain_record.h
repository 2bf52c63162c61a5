/* SPDX-License-Identifier: MIT */
/*
 * One guest of this control domain: its configuration, and how it is started and stopped with all
 * that belongs to it (memory, store entries, console, store connection). Whoever holds a record
 * serializes what is done with it. Threads only. Failures are told by notices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/domctl.h>

#include "lib/list.h"
#include "pvguest/control/configuration.h"

struct domain_record {
    struct list link; /* its owner's */
    domid_t id;
    xen_domain_handle_t handle;
    struct configuration *configuration;
    uint64_t started_ns;
    bool ended; /* its end was reported, and it is preserved */
};

/* A record of a domain that does not run yet, from a configuration of the archive. */
int domain_record_read(const char *file, bool quiet, struct domain_record **record);

/* Unlink and free a record whose domain does not run. */
void domain_record_free(struct domain_record *record);

/* Build, announce, connect and start; `paused`: all but the last. */
int domain_record_start(struct domain_record *record, bool paused);

/* The reverse. A domain that others still map stays a while as a dying one. */
int domain_record_stop(struct domain_record *record);
