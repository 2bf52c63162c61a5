/* SPDX-License-Identifier: MIT */
/*
 * The store's server in the control domain: its database, and one ring connection with one thread
 * per introduced domain. The control domain's own code uses pvguest/kernel/store.h.
 *
 * Owns: the mapping of each domain's ring page and the local end of its event channel. Everything
 * in a ring page is hostile: indices are checked, bytes are copied once. Thread context.
 */
#pragma once

#include <stdint.h>

#include "pvguest/control/store_database.h"
#include <xen/event_channel.h>
#include <xen/xen.h>

/* Make the (empty) database. May be called again; the local client calls it, too. */
int store_server_start(void);

struct store_database *store_server_database(void);

/*
 * Serve a domain through the ring in its frame `mfn` and its unbound port; fires
 * @introduceDomain. -XEN_EEXIST for a domain that is served already.
 */
int store_server_introduce(domid_t domain, uint64_t mfn, evtchn_port_t remote_port);

/*
 * The domain has ended (or is to be served no more): its page is unmapped and its channel closed on
 * return. Its nodes go to domain 0, its rights on others' nodes vanish; fires @releaseDomain.
 * -XEN_ENOENT for a domain that is not served.
 */
int store_server_release(domid_t domain);

/* Tell those who watch @releaseDomain that a domain shut down or crashed, and is still there. */
void store_server_announce_end(void);
