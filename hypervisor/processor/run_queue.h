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
#include "lib/calendar_queue.h"

#define RUN_KEY_NONE UINT64_MAX

struct run_queue {
    struct spinlock lock;
    struct calendar_queue movable; /* who waits, by the policy's key, and may run elsewhere, too */
    struct calendar_queue pinned;  /* who waits and may not */
    unsigned assigned_count;       /* vcpus that belong to this processor */
    uint64_t virtual_ceiling;      /* fair: the furthest virtual time of any vcpu */
    uint64_t virtual_floor;        /* never decreases: base of both calendars */
    uint64_t virtual_lift;         /* fair: where a sleeper is lifted to, the floor or less */
    uint64_t arrivals;             /* round robin: the last in the row */
    uint64_t began;                /* when the running vcpu was given the processor */
    uint64_t slice_end;            /* when the running vcpu's place is next decided about */
    struct timer slice_timer;      /* set for slice_end or earlier, if that is ever */
    /* Of this processor's last decision: what is told to others when the switch is complete, for
     * they cannot take a vcpu before. */
    bool offers, passes_on;
    uint64_t offered_affinity;

    /* Shown to other processors, which look without the lock: hints, each looked at once. */
    uint64_t movable_key, movable_affinity; /* of the first in `movable`; RUN_KEY_NONE: none */
    uint16_t movable_weight;
    uint64_t running_virtual; /* virtual time of the running vcpu ... */
    uint64_t running_since;   /* ... at this system time */
    uint16_t running_weight;
    bool idle;
};

struct run_entity {
    struct calendar_node node;
    bool queued;
    bool pinned;            /* in run_queue.pinned */
    bool woken;             /* has not run since it woke up */
    bool displaced;         /* is leaving a processor that it may not run on any more */
    bool capped;            /* runs on an allowance */
    bool yields;            /* written by the running vcpu itself: lets others go first, once */
    uint64_t affinity;      /* processors it may run on, a bit for each */
    uint64_t virtual_time;  /* fair: ns run, scaled by 256 / weight */
    uint64_t charged_until; /* system time up to which the running vcpu has paid */
    int64_t allowance;      /* ns of its domain's budget that it may still use, scheduler_cap.c */
};
