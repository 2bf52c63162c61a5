/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/watchdog.h"

#include <stdint.h>

#include <xen/errno.h>
#include <xen/sched.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"

#define WATCHDOG_COUNT 2
#define SECOND_NS      1000000000UL

struct watchdogs {
    struct timer timers[WATCHDOG_COUNT];
    bool used[WATCHDOG_COUNT];
};

static void watchdog_fire(void *argument)
{
    domain_shutdown(argument, SHUTDOWN_watchdog);
}

static struct watchdogs *watchdogs_create(struct domain *domain)
{
    struct watchdogs *watchdogs = frame_allocate_hypervisor(0);

    if (!watchdogs)
        return NULL;
    for (unsigned i = 0; i < WATCHDOG_COUNT; i++)
        timer_init(&watchdogs->timers[i], this_pcpu(), watchdog_fire, domain);
    return watchdogs;
}

static void watchdogs_destroy(struct watchdogs *watchdogs)
{
    for (unsigned i = 0; i < WATCHDOG_COUNT; i++)
        timer_destroy(&watchdogs->timers[i]);
    frame_free_hypervisor(watchdogs, 0);
}

static void timer_arm(struct watchdogs *watchdogs, unsigned index, uint32_t seconds)
{
    watchdogs->used[index] = seconds != 0;
    if (seconds)
        timer_set(&watchdogs->timers[index], clock_now() + seconds * SECOND_NS);
    else
        timer_cancel(&watchdogs->timers[index]);
}

static long set_locked(struct watchdogs *watchdogs, uint32_t id, uint32_t seconds)
{
    if (id) {
        if (!watchdogs->used[id - 1])
            return -XEN_EINVAL;
        timer_arm(watchdogs, id - 1, seconds);
        return 0;
    }
    for (unsigned i = 0; i < WATCHDOG_COUNT; i++)
        if (!watchdogs->used[i]) {
            timer_arm(watchdogs, i, seconds);
            return i + 1;
        }
    return -XEN_ENOSPC;
}

long watchdog_set(struct domain *domain, uint32_t id, uint32_t seconds)
{
    struct watchdogs *watchdogs = READ_ONCE(domain->watchdogs), *fresh = NULL;

    if (id > WATCHDOG_COUNT || (!id && !seconds) || (id && !watchdogs))
        return -XEN_EINVAL;
    if (!watchdogs) {
        watchdogs = fresh = watchdogs_create(domain);
        if (!fresh)
            return -XEN_ENOMEM;
    }
    spin_lock(&domain->life_lock);
    if (domain->watchdogs) {
        watchdogs = domain->watchdogs;
    } else {
        domain->watchdogs = watchdogs;
        fresh = NULL;
    }
    long status = set_locked(watchdogs, id, seconds);
    spin_unlock(&domain->life_lock);
    if (fresh)
        watchdogs_destroy(fresh);
    return status;
}

void watchdogs_free(struct domain *domain)
{
    if (domain->watchdogs)
        watchdogs_destroy(domain->watchdogs);
    domain->watchdogs = NULL;
}
