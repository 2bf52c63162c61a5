/* SPDX-License-Identifier: MIT */
/*
 * What the domain was started with. Everything here is set before the first thread runs and does
 * not change afterwards. Any code may call.
 *
 * An application defines guest_main(); it runs in the first thread, and its return powers the
 * domain off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

extern struct start_info *start_info;
extern struct shared_info *shared_info;

void guest_main(void);

/* The words given to the kernel, terminated; empty when there are none. */
const char *guest_command_line(void);

/* Whether this is the first domain of the machine, which owns its devices and its control. */
bool guest_is_initial_domain(void);

/* The module given with the kernel, mapped, for reading only. False when there is none. */
bool guest_initrd(const void **data, size_t *size);

/* End this domain for a reason of SHUTDOWN_*. Legal everywhere, also in an event handler. */
_Noreturn void guest_shutdown(unsigned int reason);
