/* SPDX-License-Identifier: MIT */
/*
 * One request of a guest on its way through the disk: check, map, flush and transfer, unmap,
 * answer. Threads only.
 */
#pragma once

#include "drivers/block/back_instance.h"

/* Take a request (a private copy). It is answered now or when the disk has finished. */
void block_work_start(struct block_instance *instance, const blkif_request_t *request);
