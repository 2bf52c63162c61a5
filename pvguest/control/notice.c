/* SPDX-License-Identifier: MIT */
#include "pvguest/control/notice.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "pvguest/kernel/print.h"

static void (*frame_before)(void);
static void (*frame_after)(void);

void notice_set_frame(void (*before)(void), void (*after)(void))
{
    frame_before = before;
    frame_after = after;
}

void notice(const char *format, ...)
{
    va_list arguments;

    if (frame_before)
        frame_before();
    va_start(arguments, format);
    print_va(format, arguments);
    va_end(arguments);
    print("\n");
    if (frame_after)
        frame_after();
}
