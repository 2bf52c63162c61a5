/* SPDX-License-Identifier: MIT */
#include "pvguest/control/life_cycle.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/sched.h>

#include "drivers/console/back.h"
#include "lib/format.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/archive.h"
#include "pvguest/control/builder.h"
#include "pvguest/control/configuration.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/domain_entries.h"
#include "pvguest/control/notice.h"
#include "pvguest/control/store_server.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"

#define SECOND_NS 1000000000ull
/* How long a destroyed domain may take to vanish, and a polite shutdown to happen. */
#define GONE_TIMEOUT_NS     (5 * SECOND_NS)
#define SHUTDOWN_TIMEOUT_NS (10 * SECOND_NS)
#define SHUTDOWN_POLL_NS    (SECOND_NS / 50)
/* A domain that ends sooner than this is not restarted: it would only do it again. */
#define RESTART_MINIMUM_NS SECOND_NS

/* How much of a crashed guest's last line is quoted. */
#define LAST_WORDS_SIZE 160

struct domain_record {
    struct list link;
    domid_t id;
    xen_domain_handle_t handle;
    struct configuration *configuration;
    uint64_t started_ns;
    bool ended; /* its end was reported, and it is preserved */
};

static struct list domains = {&domains, &domains};
static struct mutex mutex = MUTEX_INIT(mutex);
/* Domain exceptions: how many came, who waits for one, how many the thread has looked into. */
static struct wait_queue exceptions = WAIT_QUEUE_INIT(exceptions);
static volatile uint64_t exception_count;

static struct domain_record *find_record(domid_t domain)
{
    list_for_each(position, &domains)
    {
        struct domain_record *record = container_of(position, struct domain_record, link);

        if (record->id == domain)
            return record;
    }
    return NULL;
}

static struct domain_record *find_record_by_name(const char *name)
{
    list_for_each(position, &domains)
    {
        struct domain_record *record = container_of(position, struct domain_record, link);

        if (strcmp(record->configuration->name, name) == 0)
            return record;
    }
    return NULL;
}

/* A random UUID; it only has to differ from the others made here. */
static void make_handle(xen_domain_handle_t handle)
{
    static uint64_t state;

    state += clock_tsc() + clock_wall_seconds();
    for (unsigned int i = 0; i < sizeof(xen_domain_handle_t); i++) {
        uint64_t mixed;

        state += 0x9e3779b97f4a7c15ull;
        mixed = (state ^ state >> 30) * 0xbf58476d1ce4e5b9ull;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
        handle[i] = (uint8_t)(mixed >> 40);
    }
    handle[6] = (handle[6] & 0x0f) | 0x40;
    handle[8] = (handle[8] & 0x3f) | 0x80;
}

static bool is_gone(domid_t domain)
{
    struct xen_domctl_getdomaininfo information;

    return domain_call_information(domain, &information) == -XEN_ESRCH;
}

bool life_cycle_wait_gone(domid_t domain, uint64_t deadline_ns)
{
    return WAIT_UNTIL_DEADLINE(&exceptions, is_gone(domain), deadline_ns);
}

/* Build, announce, connect and start. A notice tells of every failure. */
static int start_domain(struct domain_record *record, bool paused)
{
    struct builder_rings rings;
    const char *step;
    int status = builder_build(record->configuration, record->handle, &record->id, &rings);

    if (status < 0)
        return status;
    step = "writing its store entries";
    status = domain_entries_write(record->id, record->handle, record->configuration, &rings);
    if (status < 0)
        goto destroy;
    step = "introducing it to the store";
    status = store_server_introduce(record->id, rings.store_mfn, rings.store_port);
    if (status < 0)
        goto remove_entries;
    step = "opening its console";
    status = console_back_open(record->id, rings.console_mfn, rings.console_port);
    if (status < 0)
        goto release;
    step = "starting it";
    status = paused ? 0 : domain_call_unpause(record->id);
    if (status < 0)
        goto close_console;
    record->started_ns = clock_monotonic_ns();
    record->ended = false;
    return 0;

close_console:
    console_back_close(record->id);
release:
    store_server_release(record->id);
remove_entries:
    domain_entries_close_devices(record->id);
    domain_entries_remove(record->id, record->handle);
destroy:
    domain_call_destroy(record->id);
    notice("%s: %s failed: error %d", record->configuration->name, step, status);
    return status;
}

/* The reverse of start_domain(). A domain that others still map stays a while as a dying one. */
static int stop_domain(struct domain_record *record)
{
    int status;

    domain_call_pause(record->id);
    domain_entries_close_devices(record->id);
    console_back_close(record->id);
    store_server_release(record->id);
    status = domain_call_destroy(record->id);
    domain_entries_remove(record->id, record->handle);
    if (status == -XEN_ESRCH)
        status = 0;
    if (status == 0 && !life_cycle_wait_gone(record->id, clock_monotonic_ns() + GONE_TIMEOUT_NS))
        notice("domain %s (id %u) is dying, but something still holds its memory",
               record->configuration->name, record->id);
    return status;
}

static void free_record(struct domain_record *record)
{
    list_remove(&record->link);
    heap_free(record->configuration);
    heap_free(record);
}

static void report_configuration(void *argument, const char *message)
{
    (void)argument;
    notice("%s", message);
}

static bool find_configuration(const char *file, char *name, size_t name_size, const void **text,
                               size_t *size)
{
    static const char *const forms[] = {"%s", "%s.cfg", "auto/%s", "auto/%s.cfg"};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int length = format_text(name, name_size, forms[i], file);
#pragma GCC diagnostic pop

        if ((size_t)length < name_size && archive_find(name, text, size))
            return true;
    }
    return false;
}

/* A record with its configuration read, not in the list yet. */
static int read_record(const char *file, bool quiet, struct domain_record **result)
{
    struct domain_record *record = heap_allocate_zeroed(sizeof *record);
    struct configuration *configuration = heap_allocate(sizeof *configuration);
    const void *text;
    char name[128];
    size_t size;
    int status = -XEN_ENOMEM;

    if (!record || !configuration)
        goto free;
    status = -XEN_ENOENT;
    if (!find_configuration(file, name, sizeof name, &text, &size)) {
        notice("Failed to read config file: %s: not in the archive", file);
        goto free;
    }
    if (!quiet)
        notice("Parsing config from %s", name);
    status = configuration_read(configuration, name, text, size, report_configuration, NULL);
    if (status < 0)
        goto free;
    record->configuration = configuration;
    list_init(&record->link);
    make_handle(record->handle);
    *result = record;
    return 0;

free:
    heap_free(configuration);
    heap_free(record);
    return status;
}

static int create_locked(struct domain_record *record, bool paused)
{
    int status;

    if (find_record_by_name(record->configuration->name)) {
        notice("Domain with name \"%s\" already exists.", record->configuration->name);
        status = -XEN_EEXIST;
    } else {
        status = start_domain(record, paused);
    }
    if (status < 0)
        free_record(record);
    else
        list_push_back(&domains, &record->link);
    return status;
}

int life_cycle_create(const char *file, bool paused, bool quiet, domid_t *domain)
{
    struct domain_record *record;
    int status = read_record(file, quiet, &record);

    if (status < 0)
        return status;
    mutex_lock(&mutex);
    status = create_locked(record, paused);
    if (status == 0)
        *domain = record->id;
    mutex_unlock(&mutex);
    return status;
}

int life_cycle_destroy(domid_t domain)
{
    struct domain_record *record;
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    record = find_record(domain);
    if (record) {
        status = stop_domain(record);
        if (status == 0)
            free_record(record);
    }
    mutex_unlock(&mutex);
    return status;
}

int life_cycle_request_shutdown(domid_t domain, const char *how)
{
    int status = -XEN_ESRCH;

    mutex_lock(&mutex);
    if (find_record(domain))
        status = domain_entries_request_shutdown(domain, how);
    mutex_unlock(&mutex);
    return status;
}

static void end_record(struct domain_record *record)
{
    stop_domain(record);
    free_record(record);
}

/* Ask who can hear it; a paused or ended domain cannot and goes at once. */
static void ask_all_to_end(void)
{
    list_for_each_safe(position, following, &domains)
    {
        struct domain_record *record = container_of(position, struct domain_record, link);
        struct xen_domctl_getdomaininfo information;

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

    mutex_lock(&mutex);
    ask_all_to_end();
    mutex_unlock(&mutex);
    while (!list_empty(&domains) && clock_monotonic_ns() < deadline)
        thread_sleep_ns(SHUTDOWN_POLL_NS);
    mutex_lock(&mutex);
    while (!list_empty(&domains)) {
        struct domain_record *record =
            container_of(list_first(&domains), struct domain_record, link);

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
    record = find_record_by_name(name);
    if (record)
        *domain = record->id;
    return record != NULL;
}

void life_cycle_name(domid_t domain, char *name, size_t size)
{
    const struct domain_record *record = find_record(domain);

    text_copy(name,
              domain == 0 ? "Domain-0"
              : record    ? record->configuration->name
                          : "(null)",
              size);
}

bool life_cycle_uptime(domid_t domain, uint64_t *nanoseconds)
{
    const struct domain_record *record = find_record(domain);

    *nanoseconds = clock_monotonic_ns();
    if (record)
        *nanoseconds -= record->started_ns;
    return record || domain == 0;
}

static const struct {
    const char *what;
    const char *verb;
} reasons[] = {
    [SHUTDOWN_poweroff] = {"poweroff", "has powered off"},
    [SHUTDOWN_reboot] = {"reboot", "wants to reboot"},
    [SHUTDOWN_suspend] = {"suspend", "has suspended itself"},
    [SHUTDOWN_crash] = {"crash", "has crashed"},
    [SHUTDOWN_watchdog] = {"watchdog", "was ended by its watchdog"},
    [SHUTDOWN_soft_reset] = {"soft reset", "wants a soft reset"},
};

/* Where the first vcpu of a crashed domain stands. */
static void report_crash_place(const struct domain_record *record)
{
    struct vcpu_guest_context *context = heap_allocate_zeroed(sizeof *context);

    if (context && domain_call_get_context(record->id, 0, context) == 0)
        notice("  its vcpu 0 stopped at rip %#lx rsp %#lx cr3 %#lx (see also: dmesg)",
               (unsigned long)context->user_regs.rip, (unsigned long)context->user_regs.rsp,
               context->ctrlreg[3]);
    heap_free(context);
}

/* The last line that stands on a domain's console, without what could upset the terminal. */
static void report_last_words(const struct domain_record *record)
{
    char *log = heap_allocate(CONSOLE_LOG_SIZE);
    uint64_t position = 0;
    size_t size = log ? console_back_log(record->id, &position, log, CONSOLE_LOG_SIZE) : 0;
    size_t start;

    while (size && log[size - 1] <= ' ')
        size--;
    start = size;
    while (start && log[start - 1] != '\n' && size - start < LAST_WORDS_SIZE)
        start--;
    for (size_t i = start; i < size; i++)
        log[i] = log[i] >= ' ' && log[i] <= '~' ? log[i] : '.';
    if (size > start)
        notice("  its last words: %.*s", (int)(size - start), log + start);
    heap_free(log);
}

static enum domain_action choose_action(const struct domain_record *record, unsigned int reason)
{
    const struct configuration *configuration = record->configuration;
    enum domain_action action;

    switch (reason) {
    case SHUTDOWN_poweroff:
        action = configuration->on_poweroff;
        break;
    case SHUTDOWN_reboot:
        action = configuration->on_reboot;
        break;
    case SHUTDOWN_suspend:
        action = ACTION_PRESERVE;
        break;
    default:
        action = configuration->on_crash;
    }
    if (action == ACTION_RESTART &&
        clock_monotonic_ns() - record->started_ns < RESTART_MINIMUM_NS) {
        notice("  it ran for less than a second: not restarting it");
        action = ACTION_DESTROY;
    }
    return action;
}

static void act_on_end(struct domain_record *record, enum domain_action action)
{
    if (action == ACTION_PRESERVE) {
        record->ended = true;
        return;
    }
    if (stop_domain(record) < 0) {
        notice("%s (id %u) cannot be destroyed", record->configuration->name, record->id);
        record->ended = true;
        return;
    }
    if (action == ACTION_DESTROY || start_domain(record, false) < 0)
        free_record(record);
}

static void report_end(struct domain_record *record, unsigned int reason)
{
    size_t known = sizeof reasons / sizeof reasons[0];
    enum domain_action action;

    notice("Domain %s (id %u) %s", record->configuration->name, record->id,
           reason < known ? reasons[reason].verb : "has ended for an unknown reason");
    if (reason == SHUTDOWN_crash)
        report_crash_place(record);
    if (reason != SHUTDOWN_poweroff && reason != SHUTDOWN_reboot)
        report_last_words(record);
    store_server_announce_end();
    action = choose_action(record, reason);
    notice("  action for %s: %s", reason < known ? reasons[reason].what : "this",
           configuration_action_name(action));
    act_on_end(record, action);
}

/* Look at one domain; true when it ended and was seen to, so that the list may have changed. */
static bool look_at(struct domain_record *record)
{
    struct xen_domctl_getdomaininfo information;
    int status;

    if (record->ended)
        return false;
    status = domain_call_information(record->id, &information);
    if (status == -XEN_ESRCH || (status == 0 && (information.flags & XEN_DOMINF_dying))) {
        notice("Domain %s (id %u) was destroyed", record->configuration->name, record->id);
        act_on_end(record, ACTION_DESTROY);
        return true;
    }
    if (status < 0 || !(information.flags & XEN_DOMINF_shutdown))
        return false;
    report_end(record, information.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
    return true;
}

static bool look_at_first_ended(void)
{
    list_for_each(position, &domains)
    {
        if (look_at(container_of(position, struct domain_record, link)))
            return true;
    }
    return false;
}

static void watch_ends(void *argument)
{
    uint64_t seen = 0;

    (void)argument;
    for (;;) {
        WAIT_UNTIL(&exceptions, exception_count != seen);
        seen = exception_count;
        mutex_lock(&mutex);
        while (look_at_first_ended())
            ;
        mutex_unlock(&mutex);
    }
}

static void note_exception(evtchn_port_t port, void *argument)
{
    (void)port, (void)argument;
    exception_count++;
    wait_queue_wake(&exceptions);
}

int life_cycle_start(void)
{
    evtchn_port_t port;
    int status = event_bind_virq(VIRQ_DOM_EXC, &port);

    if (status < 0)
        return status;
    status = event_bind(port, note_exception, NULL);
    if (status < 0)
        return status;
    return thread_create("life cycle", watch_ends, NULL) ? 0 : -XEN_ENOMEM;
}
