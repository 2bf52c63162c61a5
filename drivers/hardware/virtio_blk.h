/* SPDX-License-Identifier: MIT */
/*
 * Virtio block devices as disks named vda, vdb, ... in PCI order. Requests go to the device as
 * they are, many at once; data move between the device and the request's memory directly. An
 * interrupt wakes the device's thread, which finishes what is done. A device that fails is reset
 * first, then everything it held is answered with an error.
 */
#pragma once

/* Find the devices and register their disks. PCI must have been started. Returns their number. */
unsigned int virtio_blk_start(void);
