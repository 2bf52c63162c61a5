/* SPDX-License-Identifier: MIT */
/*
 * Virtio network cards. Frames to be sent go from their packets to the device directly, a
 * descriptor for each page; frames received arrive in packets that wait in the device's queue. Of
 * the device's abilities checksums and cutting of large segments are used where it has them. A
 * device that fails is reset first, then its packets are dropped.
 */
#pragma once

/* Join each device to the network. PCI and network must have been started. Returns their number. */
unsigned int virtio_net_start(void);
