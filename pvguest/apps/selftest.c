/* SPDX-License-Identifier: MIT */
/*
 * One check per hypercall and per error path, as an unprivileged guest or as first domain. Each
 * prints a line `selftest: NAME ... success|skip|failure (why)`; the last line is the verdict.
 * `only=` on the command line restricts the run to checks whose name begins so.
 */
#include "pvguest/selftest/check.h"

#include "lib/format.h"
#include "lib/text.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

#include <stdarg.h>

enum verdict { SUCCESS, SKIP, FAILURE };

static const char *const verdict_names[] = {"success", "skip", "failure"};
static const struct check *const groups[] = {
    version_checks, registers_checks, exception_checks,  debug_checks,    emulation_checks,
    fpu_checks,     syscall_checks,   descriptor_checks, callback_checks, multicall_checks,
    vcpu_checks,    schedule_checks,  share_checks,      event_checks,    memory_checks,
    mmu_checks,     mmuext_checks,    grant_checks,      foreign_checks,  physdev_checks,
    smp_checks,     control_checks,
};

static enum verdict verdict;
static char reason[256];
static unsigned int counts[FAILURE + 1];

void check_failed(const char *format, ...)
{
    va_list arguments;

    if (verdict == FAILURE)
        return;
    verdict = FAILURE;
    va_start(arguments, format);
    format_text_va(reason, sizeof(reason), format, arguments);
    va_end(arguments);
}

void check_skipped(const char *why)
{
    if (verdict != SUCCESS)
        return;
    verdict = SKIP;
    text_copy(reason, why, sizeof(reason));
}

static void check_call(void *argument)
{
    ((const struct check *)argument)->run();
}

static void check_run(const struct check *check)
{
    struct fault fault;

    verdict = SUCCESS;
    reason[0] = '\0';
    print("selftest: %s ... ", check->name);
    if (fault_catch(check_call, (void *)check, &fault))
        check_failed("exception %u error %#lx address %#lx at %#lx", fault.vector, fault.error_code,
                     fault.address, fault.rip);
    fault_set_hook(NULL);
    if (shared_info->vcpu_info[0].evtchn_upcall_mask) {
        check_failed("left events masked");
        events_restore(0);
    }
    print("%s%s%s%s\n", verdict_names[verdict], reason[0] ? " (" : "", reason,
          reason[0] ? ")" : "");
    counts[verdict]++;
}

void guest_main(void)
{
    char only[64] = "";

    text_option(guest_command_line(), "only", only, sizeof(only));
    for (size_t group = 0; group < sizeof(groups) / sizeof(groups[0]); group++)
        for (const struct check *check = groups[group]; check->name; check++)
            if (text_starts_with(check->name, only))
                check_run(check);
    print("Test result: %s (%u checks, %u skipped)\n", counts[FAILURE] ? "FAILURE" : "SUCCESS",
          counts[SUCCESS] + counts[SKIP] + counts[FAILURE], counts[SKIP]);
}
