/* SPDX-License-Identifier: MIT */
/*
 * Block back end: guests' disks (blkif, one ring page each) on the disks of this domain. Data go
 * between the device and the guest's pages directly; a page is given back only when the device has
 * finished with it, also when its guest has died meanwhile. A request that makes no sense is
 * answered with an error; a ring that makes no sense is shut, alone, and reported.
 *
 * Owns: the instances that the bus makes, and one thread that reads their rings.
 */
#pragma once

/* Register with the bus. Disks and store must be there. 0 or a negative errno. */
int block_back_start(void);

/*
 * Finish what the disks are doing and close all instances. Their front ends keep their requests and
 * go on when block_back_start() is called again.
 */
void block_back_stop(void);
