/* SPDX-License-Identifier: MIT */
#include "pvguest/control/shell_input.h"

#include "lib/string.h"
#include "pvguest/kernel/input.h"
#include "pvguest/kernel/thread.h"

#define CONTROL_C '\x03'

static char pending[512];
static size_t pending_size;

size_t shell_input_read(char *buffer, size_t size, uint64_t deadline_ns)
{
    size_t taken = pending_size < size ? pending_size : size;

    if (!taken)
        return console_read_until(buffer, size, deadline_ns);
    memcpy(buffer, pending, taken);
    pending_size -= taken;
    memmove(pending, pending + taken, pending_size);
    return taken;
}

char shell_input_next(void)
{
    char characters[64];
    size_t count = shell_input_read(characters, sizeof characters, WAIT_FOR_EVER);

    shell_input_unread(characters + 1, count - 1);
    return characters[0];
}

void shell_input_unread(const char *data, size_t size)
{
    if (size > sizeof pending - pending_size)
        size = sizeof pending - pending_size;
    memmove(pending + size, pending, pending_size);
    memcpy(pending, data, size);
    pending_size += size;
}

bool shell_input_interrupted(void)
{
    char *found;
    size_t fresh;

    fresh = console_read_until(pending + pending_size, sizeof pending - pending_size, 0);
    found = memchr(pending + pending_size, CONTROL_C, fresh);
    pending_size += fresh;
    if (!found)
        return false;
    found++;
    pending_size -= (size_t)(found - pending);
    memmove(pending, found, pending_size);
    return true;
}
