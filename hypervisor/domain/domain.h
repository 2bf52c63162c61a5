/* SPDX-License-Identifier: MIT */
/*
 * Domains: the unit of ownership. The table of domains is changed under control_lock; a reader that
 * wants to keep a domain takes a reference (domain_get). A dying domain stays until its last
 * reference, frame and mapping are gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/domctl.h>
#include <xen/xen.h>

#include "hypervisor/memory/mfn.h"
#include "hypervisor/processor/lock.h"
#include "hypervisor/processor/scheduler_cap.h"
#include "hypervisor/processor/vcpu.h"

struct event_channels;
struct grant_table;
struct memory_map;
struct watchdogs;

enum domain_life { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct domain {
    uint64_t vm_assist; /* VMASST_TYPE_* bits */
    domid_t id;
    uint32_t serial;          /* no other domain ever has it; 0: there are no more numbers */
    bool privileged;          /* may use control calls, map foreign frames, do port I/O */
    uint32_t reference_count; /* atomic */
    xen_domain_handle_t handle;

    struct spinlock life_lock; /* LOCK_LEVEL_DOMAIN: life, shutdown, pause_count */
    enum domain_life life;
    bool shut_down;         /* all vcpus stopped, shutdown_code is valid */
    uint8_t shutdown_code;  /* SHUTDOWN_* */
    bool crashed_once;      /* domain_crash printed already */
    uint16_t shutdown_wish; /* SCHEDOP_shutdown_code: 0x100 | code, 0 = none */
    uint32_t pause_count;
    bool controller_paused; /* XEN_DOMCTL_pausedomain */
    bool creation_finished; /* first unpause happened */

    unsigned vcpu_max;
    struct vcpu *vcpus[VCPU_MAX];
    uint64_t ran_on; /* pcpus that may hold its translations, processor/tlb.h (atomic bits) */

    struct mutex context_lock; /* LOCK_LEVEL_CONTEXT: vcpu_set_context() of its vcpus */
    struct mutex mmu_lock;     /* LOCK_LEVEL_MMU: page tables, validation of this domain's frames */

    struct spinlock frame_lock;  /* LOCK_LEVEL_FRAMES: the six fields below */
    uint32_t frames_first;       /* list of owned frames by number, 0 = empty */
    uint64_t frame_count;        /* on the list */
    uint64_t frame_max;          /* limit, XEN_DOMCTL_max_mem */
    uint64_t outstanding_frames; /* gone from the list but still referenced */
    uint64_t shared_frame_count; /* FRAME_STATE_SHARED (shared info, grant frames) */
    uint64_t claimed_frames;     /* XENMEM_claim_pages; the allocator's lock (memory/heap.h) */

    struct memory_map *memory_map; /* XENMEM_set_memory_map, NULL = default; mmu_lock */

    struct shared_info *shared_info; /* hypervisor's mapping */
    mfn_t shared_info_frame;

    struct event_channels *event_channels;
    struct grant_table *grants;
    struct watchdogs *watchdogs; /* domain/watchdog.c; life_lock; NULL before the first use */
    uint16_t weight; /* share of processor time, 1-65535; set while paused or racily, read once */
    struct domain_cap cap;

    int64_t time_offset_seconds;
    uint32_t pci_address; /* last value it wrote to port 0xcf8 */
    bool io_ports_all;    /* the first domain: all but the hypervisor's own ports */
};

extern struct mutex control_lock;   /* LOCK_LEVEL_CONTROL */
extern struct domain *domain_first; /* domain 0, NULL before it is built */
/* Owners that are no domain a guest can be: DOMID_IO (device memory), DOMID_XEN (the hypervisor's
 * shared frames). */
extern struct domain domain_io, domain_xen;

/* 0, -XEN_ENOMEM, -XEN_EEXIST. The caller holds control_lock; one reference is returned. */
int domain_create(domid_t id, unsigned vcpu_max, struct domain **result);
/* Reference by id; NULL if there is none or it is dead. */
struct domain *domain_get_by_id(domid_t id);
/* Reference to the domain with the lowest id that is at least `id`; NULL after the last. */
struct domain *domain_get_next(unsigned id);
/* As a guest names it: DOMID_SELF or an id it may act on (itself, or any if privileged); errno by
 * pointer. */
struct domain *domain_get_for(domid_t id, int *error);
bool domain_get(struct domain *domain);
void domain_put(struct domain *domain);

void domain_pause(
    struct domain *domain); /* counted; waits until all vcpus are out, not for the current domain */
void domain_unpause(struct domain *domain);

/* SCHEDOP_shutdown and the like: stop all vcpus, tell the first domain (VIRQ_DOM_EXC). */
void domain_shutdown(struct domain *domain, uint8_t reason);
/* XEN_DOMCTL_resumedomain: the vcpus go on where SCHEDOP_shutdown stopped them. */
void domain_resume(struct domain *domain);
/*
 * A guest that cannot go on: prints who, where and why once, then shuts it down with
 * SHUTDOWN_crash. Returns; the current vcpu leaves for good at the exit loop.
 */
void domain_crash(struct domain *domain, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* XEN_DOMCTL_destroydomain: sleeps, preemptible; 0. Gives everything back that no one else
 * references. */
int domain_kill(struct domain *domain);

static inline struct domain *current_domain(void)
{
    return current_vcpu()->domain;
}
