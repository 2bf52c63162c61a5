/* SPDX-License-Identifier: MIT */
/*
 * The guest's receive ring: packets of the interface's queue are copied into the buffers that the
 * guest has put there. The network's thread only.
 */
#pragma once

#include "drivers/net/back_instance.h"

/* Give what there is, as far as the guest has buffers for whole frames. */
void net_back_give_frames(struct net_instance *instance);
