/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that make, feed, run, inspect and end another domain, one function each. No state;
 * any thread. 0 or a negative errno as the hypervisor gave it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/domctl.h>

#include "pvguest/control/pcpu_set.h"

/* A new, paused domain without memory; its identifier is the hypervisor's choice. */
int domain_call_create(const xen_domain_handle_t handle, unsigned int vcpus, domid_t *domain);

/* Ends the domain and frees what nobody else holds; what others map is freed when they let go. */
int domain_call_destroy(domid_t domain);

int domain_call_pause(domid_t domain);
int domain_call_unpause(domid_t domain);

/* -XEN_ESRCH when there is no such domain (any more). */
int domain_call_information(domid_t domain, struct xen_domctl_getdomaininfo *information);

/* The living domains from `first` on, up to `limit`; returns how many, or a negative errno. */
int domain_call_list(domid_t first, struct xen_domctl_getdomaininfo *list, unsigned int limit);

/* One virtual processor: online, running or blocked, where and for how long. */
int domain_call_vcpu_information(domid_t domain, unsigned int vcpu,
                                 struct xen_domctl_getvcpuinfo *information);

/* The processors a vcpu may (hard) and would rather (soft) run on; NULL: not asked or not changed.
 */
int domain_call_get_affinity(domid_t domain, unsigned int vcpu, struct pcpu_set *hard,
                             struct pcpu_set *soft);
int domain_call_set_affinity(domid_t domain, unsigned int vcpu, const struct pcpu_set *hard,
                             const struct pcpu_set *soft);

/* The credit2 scheduler's weight and cap; a weight of 0 is not changed. */
int domain_call_set_share(domid_t domain, uint16_t weight, uint16_t cap);
int domain_call_get_share(domid_t domain, uint16_t *weight, uint16_t *cap);

int domain_call_set_maximum_memory(domid_t domain, uint64_t kib);
int domain_call_set_vcpus(domid_t domain, unsigned int count);
int domain_call_set_context(domid_t domain, unsigned int vcpu, struct vcpu_guest_context *context);
int domain_call_get_context(domid_t domain, unsigned int vcpu, struct vcpu_guest_context *context);

/* Fill a frame of the domain with the hypercall stubs. */
int domain_call_init_hypercall_page(domid_t domain, uint64_t mfn);

/* Give the domain memory: frames[] holds pfns and gets the mfns. -XEN_ENOMEM when not all fit. */
int domain_call_populate(domid_t domain, uint64_t *frames, size_t count);

/* 1 << order pages from one pfn on, side by side in the machine too: the first one's frame. */
int domain_call_populate_block(domid_t domain, uint64_t pfn, unsigned int order, uint64_t *mfn);

/* Validate the tree of page tables under a level-4 table and keep it validated. */
int domain_call_pin_tables(domid_t domain, uint64_t level4_mfn);

/* A port of the domain that only this domain may bind to. */
int domain_call_allocate_channel(domid_t domain, evtchn_port_t *port);

/* Give the domain its grant table; the frame of its first page. */
int domain_call_setup_grants(domid_t domain, uint64_t *mfn);
