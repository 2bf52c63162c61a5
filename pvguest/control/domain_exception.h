/* SPDX-License-Identifier: MIT */
/*
 * VIRQ_DOM_EXC: some domain has shut down, crashed or vanished; which one, the hypervisor must be
 * asked. Any thread may wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>

/* Once, before all else here. */
int domain_exception_start(void);

/* Wait until there were more exceptions than `seen`, which becomes their number. */
void domain_exception_wait(uint64_t *seen);

/* Wait until the domain does not exist any more (true) or system time passes the deadline. */
bool domain_exception_wait_gone(domid_t domain, uint64_t deadline_ns);
