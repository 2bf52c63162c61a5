/* SPDX-License-Identifier: MIT */
/*
 * Attaching the terminal to a guest's console, as `xl console` does.
 */
#include <stdint.h>
#include <xen/errno.h>

#include "drivers/console/back.h"
#include "lib/string.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/control/shell_input.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/print.h"

/* Ctrl-] */
#define ESCAPE_CHARACTER '\x1d'
/* How often a quiet terminal looks whether the guest is still there. */
#define LOOK_PERIOD_NS 200000000ull

static void show_output(const char *data, size_t size, void *argument)
{
    (void)argument;
    print_write(data, size);
}

/* Pass on what is typed until Ctrl-] or until the console is gone. */
static void pass_input(domid_t domain)
{
    char typed[64], *escape = NULL;
    size_t count, passed;

    while (!escape && console_back_present(domain)) {
        count = shell_input_read(typed, sizeof typed, clock_monotonic_ns() + LOOK_PERIOD_NS);
        if (!count)
            continue;
        escape = memchr(typed, ESCAPE_CHARACTER, count);
        passed = escape ? (size_t)(escape - typed) : count;
        if (passed)
            console_back_input(domain, typed, passed);
        if (escape)
            shell_input_unread(escape + 1, count - passed - 1);
    }
}

int shell_attach(domid_t domain)
{
    int status = console_back_attach(domain, show_output, NULL);

    if (status == -XEN_EBUSY)
        print("the console of domain %u is in use\n", domain);
    if (status < 0)
        return status;
    pass_input(domain);
    console_back_detach(domain);
    print("\n");
    return 0;
}
