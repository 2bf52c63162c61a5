/* SPDX-License-Identifier: MIT */
/* physdev_op. */
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/physdev.h>

static void privilege_level(void)
{
    struct physdev_set_iopl level = {.iopl = 1};

    EXPECT_VALUE(0, hypercall_physdev_op(PHYSDEVOP_set_iopl, &level));
    level.iopl = 4;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_physdev_op(PHYSDEVOP_set_iopl, &level));
}

static void port_bitmap(void)
{
    struct physdev_set_iobitmap bitmap = {.nr_ports = 65537};

    EXPECT_VALUE(-XEN_EINVAL, hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap));
    bitmap.nr_ports = 0;
    EXPECT_VALUE(0, hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap));
}

static void interrupt_refusals(void)
{
    struct physdev_eoi eoi = {.irq = 1000000};
    struct physdev_irq_status_query query = {.irq = 1000000};
    struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = 1000000};

    EXPECT_VALUE(-XEN_EINVAL, hypercall_physdev_op(PHYSDEVOP_eoi, &eoi));
    EXPECT(is_refusal(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query)));
    EXPECT(is_refusal(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap)));
}

static void map_interrupt(void)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 8, .pirq = 8};

    if (guest_is_initial_domain())
        EXPECT_VALUE(0, hypercall_physdev_op(PHYSDEVOP_map_pirq, &map));
    else
        EXPECT(is_refusal(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map)));
    map.index = map.pirq = 1000000;
    EXPECT(is_refusal(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map)));
}

static void refusals(void)
{
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_physdev_op(UNUSED_COMMAND, NULL));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_physdev_op(PHYSDEVOP_set_iopl, (void *)UNMAPPED_ADDRESS));
}

const struct check physdev_checks[] = {
    {"physdev_op: set_iopl", privilege_level},
    {"physdev_op: set_iobitmap", port_bitmap},
    {"physdev_op: interrupt refusals", interrupt_refusals},
    {"physdev_op: map_pirq", map_interrupt},
    {"physdev_op: refusals", refusals},
    {NULL, NULL},
};
