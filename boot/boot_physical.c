/* SPDX-License-Identifier: MIT */
#include "boot/boot_physical.h"

#include <stddef.h>

#include "hypervisor/layout.h"

#define REACH (4UL << 30)

const void *boot_physical(uint64_t address, uint64_t size)
{
    if (size == 0 || size > REACH || address > REACH - size)
        return NULL;
    return (const void *)(DIRECT_MAP_VIRT + address);
}
