/* SPDX-License-Identifier: MIT */
/*
 * The parts of the domctl hypercall: operations on one domain, called under control_lock with a
 * reference to it. Each may change the operation's own fields, which are then copied back. 0 or a
 * negative errno.
 */
#pragma once

#include <stdint.h>

#include <xen/domctl.h>

struct domain;

/* domctl_life.c */
int domctl_create(struct xen_domctl *operation);
int domctl_destroy(struct domain *domain, struct xen_domctl *operation);
int domctl_pause(struct domain *domain, struct xen_domctl *operation);
int domctl_unpause(struct domain *domain, struct xen_domctl *operation);
int domctl_resume(struct domain *domain, struct xen_domctl *operation);
int domctl_max_vcpus(struct domain *domain, struct xen_domctl *operation);

/* domctl_vcpu.c */
int domctl_set_context(struct domain *domain, struct xen_domctl *operation);
int domctl_get_context(struct domain *domain, struct xen_domctl *operation);
int domctl_get_vcpu(struct domain *domain, struct xen_domctl *operation);
/* NULL: there is none. */
struct vcpu *domctl_vcpu_at(const struct domain *domain, uint32_t id);

/* domctl_schedule.c */
int domctl_set_affinity(struct domain *domain, struct xen_domctl *operation);
int domctl_get_affinity(struct domain *domain, struct xen_domctl *operation);
int domctl_scheduler(struct domain *domain, struct xen_domctl *operation);

/* domctl_memory.c */
int domctl_max_memory(struct domain *domain, struct xen_domctl *operation);
int domctl_hypercall_page(struct domain *domain, struct xen_domctl *operation);
int domctl_page_types(struct domain *domain, struct xen_domctl *operation);

/* domctl_info.c; also for the sysctl hypercall */
void domain_information(struct domain *domain, struct xen_domctl_getdomaininfo *information);
