/* SPDX-License-Identifier: MIT */
/*
 * The run queue of a physical processor and a virtual CPU's place in it. Guarded by
 * run_queue.lock of the pcpu the vcpu is assigned to; only scheduler*.c looks inside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/lock.h"
#include "hypervisor/processor/timer.h"
#include "lib/list.h"

struct run_queue {
    struct spinlock lock;
    struct list runnable; /* run_entity.node, ordered by the policy */
    unsigned runnable_count;
    unsigned assigned_count;  /* vcpus that belong to this processor */
    uint64_t virtual_ceiling; /* the furthest virtual time of any vcpu */
    uint64_t virtual_floor;   /* never decreases: where a sleeper's virtual time is lifted to */
    uint64_t slice_end;       /* when the running vcpu's place is next decided about */
    struct timer slice_timer; /* set for slice_end while somebody else waits */
};

struct run_entity {
    struct list node;
    bool queued;
    bool woken;             /* has not run since it woke up */
    uint64_t virtual_time;  /* ns run, scaled by 256 / weight */
    uint64_t charged_until; /* system time up to which the running vcpu has paid */
};
