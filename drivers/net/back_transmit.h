/* SPDX-License-Identifier: MIT */
/*
 * The guest's transmit ring: chains of requests become packets and go to the bridge. The network's
 * thread only.
 */
#pragma once

#include "drivers/net/back_instance.h"

/*
 * Take a fair share of frames. Returns whether more can be taken at once; sets the interface's
 * wake_ns and `notified` when more must wait.
 */
bool net_back_take_frames(struct net_instance *instance);
