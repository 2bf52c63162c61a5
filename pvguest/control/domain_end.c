/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_end.h"

#include <xen/sched.h>

#include "drivers/console/back.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"

/* A domain that ends sooner than this is not restarted: it would only do it again. */
#define RESTART_MINIMUM_NS 1000000000ull
/* How much of a crashed guest's last line is quoted. */
#define LAST_WORDS_SIZE 160

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

enum domain_action domain_end_report(const struct domain_record *record, unsigned int reason)
{
    size_t known = sizeof reasons / sizeof reasons[0];
    enum domain_action action;

    notice("Domain %s (id %u) %s", record->configuration->name, record->id,
           reason < known ? reasons[reason].verb : "has ended for an unknown reason");
    if (reason == SHUTDOWN_crash)
        report_crash_place(record);
    if (reason != SHUTDOWN_poweroff && reason != SHUTDOWN_reboot)
        report_last_words(record);
    action = choose_action(record, reason);
    notice("  action for %s: %s", reason < known ? reasons[reason].what : "this",
           configuration_action_name(action));
    return action;
}
