/* SPDX-License-Identifier: MIT */
/*
 * Memory contiguous in machine addresses, for devices: trades pages' frames for others.
 * Thread context.
 */
#pragma once

#include <stdint.h>

/* The address is that of ordinary pages, zeroed; machine_address is that of their first byte. */
int dma_allocate(unsigned int order, void **address, uint64_t *machine_address);
void dma_free(void *address, unsigned int order);
