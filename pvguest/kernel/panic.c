/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/panic.h"

#include "pvguest/kernel/event.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

#include <stdarg.h>
#include <xen/sched.h>

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;

    events_mask();
    print_break_lock();
    print("panic: ");
    va_start(arguments, format);
    print_va(format, arguments);
    va_end(arguments);
    print("\n");
    guest_shutdown(SHUTDOWN_crash);
}
