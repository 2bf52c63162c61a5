/* SPDX-License-Identifier: MIT */
/*
 * Network back end: guests' interfaces (netif, one ring page for each direction) on the control
 * domain's bridges. Frames are copied by grant copies between the guest's pages and packets of our
 * own, so no page of a guest is held while anything waits. A frame that makes no sense is answered
 * with an error; a ring that makes no sense is shut, alone, and reported.
 *
 * Owns: the instances that the bus makes. Served by the network's thread.
 */
#pragma once

/* Register with the bus. Network and store must be there. 0 or a negative errno. */
int net_back_start(void);

/* Close all instances; their front ends wait for net_back_start(). */
void net_back_stop(void);
