/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs as the control domain wants them: each is up when the domain's directory in the
 * store says "online" in cpu/N/availability, down when it says "offline", from the start on and
 * whenever that changes. One with threads goes when they have exited. The first always stays up.
 */
#pragma once

/* Called once, by a thread of the first virtual CPU: 0, or why the store or memory is lacking. */
int hotplug_start(void);
