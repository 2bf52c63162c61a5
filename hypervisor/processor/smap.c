/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/smap.h"

#include <stdint.h>

extern uint8_t *const smap_sites_start[], *const smap_sites_end[];

void smap_enable(void)
{
    for (uint8_t *const *site = smap_sites_start; site < smap_sites_end; site++)
        (*site)[1] = 0x01;
}
