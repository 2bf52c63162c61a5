/* SPDX-License-Identifier: MIT */
/*
 * The guests this control domain has made: how they start, what happens when they end.
 *
 * Owns the list of domains and a thread that VIRQ_DOM_EXC wakes: it reports each domain that ended,
 * and why, and does what its configuration says (on_poweroff, on_reboot, on_crash). One mutex makes
 * every operation whole. Threads only; not from watch functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

int life_cycle_start(void);

/*
 * Make a domain from a configuration in the archive (NAME, NAME.cfg, or either under auto/). Each
 * failure is told by a notice. `paused`: leave it so.
 */
int life_cycle_create(const char *file, bool paused, bool quiet, domid_t *domain);

/* End a domain at once and give back everything. -XEN_ESRCH for none of ours. */
int life_cycle_destroy(domid_t domain);

/* Ask a domain to end: "poweroff" or "reboot". */
int life_cycle_request_shutdown(domid_t domain, const char *how);

/* Ask a domain's balloon driver for this much memory; -XEN_E2BIG beyond its maxmem. */
int life_cycle_set_memory(domid_t domain, uint64_t kib);

/*
 * Ask a domain to use so many of its vcpus; -XEN_E2BIG beyond its maxvcpus, which *maximum tells.
 */
int life_cycle_set_vcpus(domid_t domain, unsigned int count, unsigned int *maximum);

/* Press a key with SysRq in a domain. */
int life_cycle_press_sysrq(domid_t domain, char key);

/* Ask all to power off, wait a little, end the rest. */
void life_cycle_shutdown_all(void);

/* By name or number; `self`, `Domain-0` and 0 are this domain. */
bool life_cycle_find(const char *name, domid_t *domain);

/* The name of a domain, copied; "(null)" for one that is none of ours. */
void life_cycle_name(domid_t domain, char *name, size_t size);

/* Why the domain that ended last did so (SHUTDOWN_…); false for any other. */
bool life_cycle_end_reason(domid_t domain, unsigned int *reason);

/* Nanoseconds since the domain was started; false for none of ours. */
bool life_cycle_uptime(domid_t domain, uint64_t *nanoseconds);
