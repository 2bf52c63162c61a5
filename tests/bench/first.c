/* SPDX-License-Identifier: MIT */
/*
 * A first domain that says when it began: the TSC as its first instructions read it, in a line on
 * the console; then it powers the machine off. Entry and notes are those of pvguest/kernel/start.S.
 */
#include "lib/format.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/hypercall.h"

#include <xen/sched.h>
#include <xen/xen.h>

_Noreturn void start_first_thread(void);

void start_first_thread(void)
{
    uint64_t tsc = clock_tsc();
    struct sched_shutdown end = {SHUTDOWN_poweroff};
    char line[40];

    hypercall_console_io(CONSOLEIO_write,
                         (unsigned int)format_text(line, sizeof(line), "first: %lu\r\n", tsc),
                         line);
    for (;;)
        hypercall_sched_op(SCHEDOP_shutdown, &end);
}
