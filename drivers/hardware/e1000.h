/* SPDX-License-Identifier: MIT */
/*
 * Intel gigabit cards of the e1000 family: 82540EM and 82574L (e1000e), with their legacy receive
 * descriptors and extended transmit descriptors, which both understand. The card computes TCP and
 * UDP checksums and cuts large segments. It is told only of pages of packets.
 */
#pragma once

/* Join each card to the network. PCI and network must have been started. Returns their number. */
unsigned int e1000_start(void);
