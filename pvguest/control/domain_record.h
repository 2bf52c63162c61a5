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
#include "pvguest/control/domain_table.h"

struct domain_record {
    struct list link, name_link; /* domain_directory.h's */
    struct domain_link number_link;
    domid_t id;
    xen_domain_handle_t handle;
    struct configuration *configuration;
    uint64_t started_ns;
    bool ended;      /* its end was reported, and it is preserved */
    uint64_t looked; /* the last look at all domains that met it */
};

/* A record of a domain that does not run yet, from a configuration of the archive. */
int domain_record_read(const char *file, bool quiet, struct domain_record **record);

/* Free a record whose domain does not run, and which is in no directory. */
void domain_record_free(struct domain_record *record);

/* Build, announce, connect and start; `paused`: all but the last. */
int domain_record_start(struct domain_record *record, bool paused);

/* The reverse. A domain that others still map stays a while as a dying one. */
int domain_record_stop(struct domain_record *record);
