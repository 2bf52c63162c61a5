/* SPDX-License-Identifier: MIT */
/*
 * Caps: of each period of 10 ms a capped domain gets so many percent of one processor's time, for
 * all its vcpus together. A vcpu that is given a processor takes an allowance out of what is left
 * and gives back what it has not used; where nothing is left it waits (VCPU_WAIT_BUDGET) for the
 * next period. Inside a hypercall it goes on, and its domain owes the time to the next periods.
 * `budget`, `parked` and `holders` are atomic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/timer.h"

struct domain;
struct vcpu;

struct domain_cap {
    uint16_t percent; /* 0 = none */
    bool ticking;     /* atomic: the timer is set, or its function runs */
    uint32_t parked;  /* a bit for each vcpu that may wait for the next period */
    uint32_t holders; /* vcpus that run on an allowance */
    int64_t budget;   /* ns left in this period; negative: owed */
    struct timer timer;
};

void cap_init(struct domain *domain);
void cap_destroy(struct domain *domain);
/* In percent of one processor; takes effect at once. */
void cap_set(struct domain *domain, uint16_t percent);

/* For schedule(), with the lock of the run queue held: may a vcpu of a capped domain run now? */
bool cap_admit(struct vcpu *vcpu);
/* It stops running. */
void cap_give_back(struct vcpu *vcpu);
/* Without a lock: a vcpu of the domain begins to run. */
void cap_start_period(struct domain *domain);
