/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/start.h"

#include "lib/string.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"

#include <xen/sched.h>

struct start_info *start_info;
struct shared_info *shared_info;

extern char shared_info_page[];

_Noreturn void start_first_thread(struct start_info *info, uint64_t boot_stack_end);

const char *guest_command_line(void)
{
    return (const char *)start_info->cmd_line;
}

bool guest_is_initial_domain(void)
{
    return start_info->flags & SIF_INITDOMAIN;
}

bool guest_initrd(const void **data, size_t *size)
{
    if (start_info->mod_start == 0 || start_info->mod_len == 0)
        return false;
    *data = (const void *)start_info->mod_start; /* an address: our notes do not offer a pfn */
    *size = start_info->mod_len;
    return true;
}

_Noreturn void guest_shutdown(unsigned int reason)
{
    struct sched_shutdown shutdown = {.reason = reason};

    print_drain();
    for (;;)
        hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

/* The order of start-up: what each step needs is there when it runs. */
_Noreturn void start_first_thread(struct start_info *info, uint64_t boot_stack_end)
{
    int error;

    start_info = info;
    error = hypercall_update_va_mapping((uint64_t)shared_info_page, info->shared_info | PTE_DATA,
                                        UVMF_INVLPG);
    if (error)
        guest_shutdown(SHUTDOWN_crash);
    shared_info = (struct shared_info *)shared_info_page;

    vcpu_start();
    fault_start();
    page_start(boot_stack_end);
    event_start();
    thread_start();
    grant_start();
    events_restore(0);

    guest_main();
    guest_shutdown(SHUTDOWN_poweroff);
}
