/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/io_port.h"

#include "pvguest/kernel/hypercall.h"

#include <xen/physdev.h>

/* Level 1 is enough for the kernel: the ABI counts it as ring 1. */
int io_port_start(void)
{
    struct physdev_set_iopl level = {.iopl = 1};

    return hypercall_physdev_op(PHYSDEVOP_set_iopl, &level);
}
