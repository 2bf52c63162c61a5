/* SPDX-License-Identifier: MIT */
/*
 * A machine for one guest: start it, join its console to the terminal, and end the machine when it
 * ends, so that whoever started the machine learns how. Called once, in the first thread, before
 * the shell's prompt.
 *
 * How it ended is written to the port of QEMU's isa-debug-exit device, whose exit status is then
 * twice that and one more.
 */
#pragma once

#include <stdint.h>

enum single_guest_end {
    SINGLE_GUEST_POWEROFF = 16, /* not what a machine that merely stops answers: 0 or 1 */
    SINGLE_GUEST_CRASH,         /* also ended by its watchdog */
    SINGLE_GUEST_REBOOT,
    SINGLE_GUEST_NOT_STARTED,
};

/*
 * Run the domain of a configuration in the archive. `port` 0: there is no such device, the machine
 * is only powered off. Returns when Ctrl-] left the console: the guest goes on, and the shell
 * follows.
 */
void single_guest_run(const char *file, uint16_t port);
