/* SPDX-License-Identifier: MIT */
#include "pvguest/control/life_cycle.h"

#include <xen/domctl.h>
#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/builder.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/domain_directory.h"
#include "pvguest/control/domain_end.h"
#include "pvguest/control/domain_entries.h"
#include "pvguest/control/domain_exception.h"
#include "pvguest/control/domain_record.h"
#include "pvguest/control/notice.h"
#include "pvguest/control/store_server.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/thread.h"

/* How long a polite shutdown may take. */
#define SHUTDOWN_TIMEOUT_NS 10000000000ull
#define SHUTDOWN_POLL_NS    20000000ull
#define KIB_PER_MIB         1024
/* How long an end may go unseen after we have ended another domain. */
#define OWN_END_DELAY_NS 50000000ull
/* Domains asked about in one call. */
#define LOOK_BATCH 32

static struct mutex mutex = MUTEX_INIT(mutex);
/* The domain that ended last and why; 0 before there was one. */
static domid_t last_ended;
static unsigned int last_reason;
/* We have ended a domain ourselves since the last look at all of them. */
static bool own_end;

static int create_locked(struct domain_record *record, bool paused)
{
    int status;

    if (domain_directory_find_name(record->configuration->name)) {
        notice("Domain with name \"%s\" already exists.", record->configuration->name);
        status = -XEN_EEXIST;
    } else {
        status = domain_record_start(record, paused);
    }
    if (status < 0)
        domain_record_free(record);
    else
        domain_directory_add(record);
    return status;
}

int life_cycle_create(const char *file, bool paused, bool quiet, domid_t *domain)
{
    struct domain_record *record;
    int status = domain_record_read(file, quiet, &record);

    if (status < 0)
        return status;
    mutex_lock(&mutex);
    status = create_locked(record, paused);
    if (status == 0)
        *domain = record->id;
    mutex_unlock(&mutex);
    return status;
}

static void forget(struct domain_record *record)
{
    domain_directory_remove(record);
    domain_record_free(record);
}

int life_cycle_destroy(domid_t domain)
{
    struct domain_record *record;
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    record = domain_directory_find(domain);
    if (record) {
        own_end = true;
        status = domain_record_stop(record);
        if (status == 0)
            forget(record);
    }
    mutex_unlock(&mutex);
    return status;
}

int life_cycle_request_shutdown(domid_t domain, const char *how)
{
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    if (domain_directory_find(domain))
        status = domain_entries_request_shutdown(domain, how);
    mutex_unlock(&mutex);
    return status;
}

/* The limit first: what the balloon driver gives back must not be taken again. */
static int set_memory(const struct domain_record *record, uint64_t kib)
{
    int status;

    if (kib > record->configuration->maximum_mib * KIB_PER_MIB)
        return -XEN_E2BIG;
    status = domain_call_set_maximum_memory(record->id, kib + BUILDER_MEMORY_SLACK_KIB);
    return status < 0 ? status : domain_entries_set_target(record->id, kib);
}

int life_cycle_set_memory(domid_t domain, uint64_t kib)
{
    const struct domain_record *record;
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    record = domain_directory_find(domain);
    if (record)
        status = set_memory(record, kib);
    mutex_unlock(&mutex);
    return status;
}

int life_cycle_set_vcpus(domid_t domain, unsigned int count, unsigned int *maximum)
{
    const struct domain_record *record;
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    record = domain_directory_find(domain);
    if (record) {
        *maximum = (unsigned int)record->configuration->maximum_vcpus;
        status = count > *maximum ? -XEN_E2BIG : domain_entries_set_vcpus(domain, count, *maximum);
    }
    mutex_unlock(&mutex);
    return status;
}

int life_cycle_press_sysrq(domid_t domain, char key)
{
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    if (domain_directory_find(domain))
        status = domain_entries_press_sysrq(domain, key);
    mutex_unlock(&mutex);
    return status;
}

static void end_record(struct domain_record *record)
{
    domain_record_stop(record);
    forget(record);
}

/* Ask who can hear it; a paused or ended domain cannot and goes at once. */
static void ask_all_to_end(void)
{
    struct domain_record *record = domain_directory_first(), *next;

    for (; record; record = next) {
        struct xen_domctl_getdomaininfo information;

        next = domain_directory_next(record);
        if (domain_call_information(record->id, &information) < 0 ||
            (information.flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
            end_record(record);
        else
            domain_entries_request_shutdown(record->id, "poweroff");
    }
}

void life_cycle_shutdown_all(void)
{
    uint64_t deadline = clock_monotonic_ns() + SHUTDOWN_TIMEOUT_NS;
    struct domain_record *record;

    mutex_lock(&mutex);
    ask_all_to_end();
    mutex_unlock(&mutex);
    while (domain_directory_first() && clock_monotonic_ns() < deadline)
        thread_sleep_ns(SHUTDOWN_POLL_NS);
    mutex_lock(&mutex);
    while ((record = domain_directory_first())) {
        notice("%s did not shut down in time: destroying it", record->configuration->name);
        end_record(record);
    }
    mutex_unlock(&mutex);
}

bool life_cycle_find(const char *name, domid_t *domain)
{
    const struct domain_record *record;
    struct xen_domctl_getdomaininfo information;
    const char *cursor = name;
    uint64_t number;

    *domain = 0;
    if (strcmp(name, "self") == 0 || strcmp(name, "Domain-0") == 0)
        return true;
    if (text_parse_unsigned(&cursor, &number) && !*cursor) {
        *domain = (domid_t)number;
        return number < DOMID_FIRST_RESERVED && domain_call_information(*domain, &information) == 0;
    }
    record = domain_directory_find_name(name);
    if (record)
        *domain = record->id;
    return record != NULL;
}

void life_cycle_name(domid_t domain, char *name, size_t size)
{
    const struct domain_record *record = domain_directory_find(domain);

    text_copy(name,
              domain == 0 ? "Domain-0"
              : record    ? record->configuration->name
                          : "(null)",
              size);
}

bool life_cycle_end_reason(domid_t domain, unsigned int *reason)
{
    *reason = last_reason;
    return domain && domain == last_ended;
}

bool life_cycle_uptime(domid_t domain, uint64_t *nanoseconds)
{
    const struct domain_record *record = domain_directory_find(domain);

    *nanoseconds = clock_monotonic_ns();
    if (record)
        *nanoseconds -= record->started_ns;
    return record || domain == 0;
}

static void act_on_end(struct domain_record *record, enum domain_action action)
{
    if (action == ACTION_PRESERVE) {
        record->ended = true;
        return;
    }
    if (domain_record_stop(record) < 0) {
        notice("%s (id %u) cannot be destroyed", record->configuration->name, record->id);
        record->ended = true;
        return;
    }
    domain_directory_remove(record);
    if (action == ACTION_DESTROY || domain_record_start(record, false) < 0)
        domain_record_free(record);
    else
        domain_directory_add(record); /* with another number */
}

/* See to a domain that has shut down; `reason` is SHUTDOWN_…. */
static void see_to_shutdown(struct domain_record *record, unsigned int reason)
{
    last_ended = record->id;
    last_reason = reason;
    store_server_announce_end();
    act_on_end(record, domain_end_report(record, reason));
}

static void see_to_destruction(struct domain_record *record)
{
    notice("Domain %s (id %u) was destroyed", record->configuration->name, record->id);
    act_on_end(record, ACTION_DESTROY);
}

/* Look at one domain; true when it ended and was seen to, so that the directory has changed. */
static bool look_at(const struct xen_domctl_getdomaininfo *information, uint64_t look)
{
    struct domain_record *record = domain_directory_find(information->domain);

    if (!record)
        return false;
    record->looked = look;
    if (record->ended || !(information->flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown)))
        return false;
    if (information->flags & XEN_DOMINF_dying)
        see_to_destruction(record);
    else
        see_to_shutdown(record,
                        information->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
    return true;
}

/* One call tells the states of many. */
static bool look_at_living(uint64_t look)
{
    static struct xen_domctl_getdomaininfo list[LOOK_BATCH];
    domid_t next = 1;
    int count;

    while ((count = domain_call_list(next, list, LOOK_BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            if (look_at(&list[i], look))
                return true;
        }
        next = list[count - 1].domain + 1;
    }
    return false;
}

/* Those that the hypervisor did not name are gone. */
static bool look_for_gone(uint64_t look)
{
    struct domain_record *record = domain_directory_first();

    while (record && (record->looked == look || record->ended))
        record = domain_directory_next(record);
    if (!record)
        return false;
    see_to_destruction(record);
    return true;
}

/* See to the first that has ended; false when there is none. */
static bool look_at_all(void)
{
    static uint64_t look;

    look++;
    return look_at_living(look) || look_for_gone(look);
}

/*
 * An exception says that some domain has ended, not which. After we have ended one ourselves it is
 * most likely that one, so the look at all of them is put off a little and serves for many.
 */
static void watch_ends(void *argument)
{
    uint64_t seen = 0;

    (void)argument;
    for (;;) {
        domain_exception_wait(&seen);
        if (own_end)
            thread_sleep_ns(OWN_END_DELAY_NS);
        mutex_lock(&mutex);
        own_end = false;
        while (look_at_all())
            ;
        mutex_unlock(&mutex);
    }
}

int life_cycle_start(void)
{
    int status = domain_exception_start();

    domain_directory_start();
    if (status < 0)
        return status;
    return thread_create("life cycle", watch_ends, NULL) ? 0 : -XEN_ENOMEM;
}
