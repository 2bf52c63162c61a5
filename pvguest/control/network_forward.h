/* SPDX-License-Identifier: MIT */
/*
 * What happens to one frame between its interface and the queues of those that it is for: checks
 * of what the source claims, the bridge's decision, and making it fit each of them.
 */
#pragma once

#include "pvguest/control/network_interface.h"

/* Whether frames pass it at all. */
bool network_interface_is_on(const struct network_interface *interface);
