/* SPDX-License-Identifier: MIT */
/*
 * The physdev_op hypercall: interrupts and I/O rights. A table of sub-operations: handler, size of
 * the argument, whether results are copied out, whether only a privileged domain may.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/physdev.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/io_apic.h"
#include "hypervisor/io/irq.h"
#include "hypervisor/io/msi.h"
#include "hypervisor/memory/guest_copy.h"

#define IO_PORTS 65536

union physdev_argument {
    struct physdev_eoi eoi;
    struct physdev_irq_status_query query;
    struct physdev_set_iopl iopl;
    struct physdev_set_iobitmap bitmap;
    struct physdev_apic apic;
    struct physdev_irq irq;
    struct physdev_map_pirq map;
    struct physdev_unmap_pirq unmap;
    struct physdev_manage_pci manage;
    struct physdev_setup_gsi setup;
    struct physdev_get_free_pirq free;
    struct physdev_restore_msi restore;
    struct physdev_pci_device device;
};

static int op_eoi(union physdev_argument *argument)
{
    return irq_end(current_domain(), argument->eoi.irq);
}

static int op_query(union physdev_argument *argument)
{
    bool needs_end = false;
    int status = irq_needs_end(current_domain(), argument->query.irq, &needs_end);

    argument->query.flags = needs_end ? XENIRQSTAT_needs_eoi : 0;
    return status;
}

static int op_set_iopl(union physdev_argument *argument)
{
    if (argument->iopl.iopl > 3)
        return -XEN_EINVAL;
    current_vcpu()->guest.iopl = argument->iopl.iopl;
    return 0;
}

/* Guest user mode gets no ports by bitmap; taking a bitmap away is always possible. */
static int op_set_iobitmap(union physdev_argument *argument)
{
    if (argument->bitmap.nr_ports > IO_PORTS)
        return -XEN_EINVAL;
    return argument->bitmap.nr_ports ? -XEN_ENOSYS : 0;
}

static int op_apic_read(union physdev_argument *argument)
{
    return io_apic_read_register(argument->apic.apic_physbase, argument->apic.reg,
                                 &argument->apic.value);
}

/* Vectors are the hypervisor's; a guest that numbers them itself is told its own number. */
static int op_alloc_vector(union physdev_argument *argument)
{
    argument->irq.vector = argument->irq.irq;
    return argument->irq.irq < io_apic_gsi_count() ? 0 : -XEN_EINVAL;
}

static int map_pirq(struct domain *domain, struct physdev_map_pirq *map)
{
    switch (map->type) {
    case MAP_PIRQ_TYPE_GSI:
        return irq_map_gsi(domain, map->index, &map->pirq);
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MSI:
        return irq_map_msi(domain, map, &map->pirq);
    case MAP_PIRQ_TYPE_MULTI_MSI:
        /* One message a function: the caller falls back on that. */
        if (map->entry_nr != 1) {
            map->entry_nr = 1;
            return -XEN_EOPNOTSUPP;
        }
        map->entry_nr = 0;
        map->table_base = 0;
        int status = irq_map_msi(domain, map, &map->pirq);
        map->entry_nr = 1;
        return status;
    default:
        return -XEN_EINVAL;
    }
}

/* Only a domain that may drive devices itself can be given an interrupt. */
static struct domain *target(domid_t id, int *status)
{
    struct domain *domain = domain_get_for(id, status);

    if (domain && !domain->privileged) {
        domain_put(domain);
        domain = NULL;
        *status = -XEN_EPERM;
    }
    return domain;
}

static int op_map_pirq(union physdev_argument *argument)
{
    int status;
    struct domain *domain = target(argument->map.domid, &status);

    if (!domain)
        return status;
    status = map_pirq(domain, &argument->map);
    domain_put(domain);
    return status;
}

static int op_unmap_pirq(union physdev_argument *argument)
{
    int status;
    struct domain *domain = target(argument->unmap.domid, &status);

    if (!domain)
        return status;
    status = irq_unmap(domain, argument->unmap.pirq);
    domain_put(domain);
    return status;
}

static int function_known(unsigned segment, unsigned bus, unsigned device_function)
{
    return !segment && msi_function_exists(bus, device_function) ? 0 : -XEN_ENODEV;
}

/* Functions are looked at when they are used: announcing one only tells whether it is there. */
static int op_device(union physdev_argument *argument)
{
    return function_known(argument->device.seg, argument->device.bus, argument->device.devfn);
}

static int op_manage(union physdev_argument *argument)
{
    return function_known(0, argument->manage.bus, argument->manage.devfn);
}

static int op_msix(union physdev_argument *argument)
{
    int status = op_device(argument);

    if (!status && !msi_capability_find(argument->device.bus, argument->device.devfn, true))
        status = -XEN_ENODEV;
    return status;
}

static int op_setup_gsi(union physdev_argument *argument)
{
    return irq_setup_gsi(argument->setup.gsi, argument->setup.triggering, argument->setup.polarity);
}

static int op_get_free_pirq(union physdev_argument *argument)
{
    return irq_reserve(current_domain(), &argument->free.pirq);
}

static int op_restore(union physdev_argument *argument)
{
    return irq_restore_messages(current_domain(), argument->restore.bus, argument->restore.devfn);
}

static int op_restore_extended(union physdev_argument *argument)
{
    if (argument->device.seg)
        return -XEN_ENODEV;
    return irq_restore_messages(current_domain(), argument->device.bus, argument->device.devfn);
}

struct physdev_operation {
    int (*handler)(union physdev_argument *argument);
    uint8_t size;
    bool copies_out, privileged;
};

/* Absent ones answer -ENOSYS: pirq_eoi_gmfn (the eoi call serves), apic_write, mmcfg, dbgp. */
static const struct physdev_operation operations[] = {
    [PHYSDEVOP_eoi] = {op_eoi, sizeof(struct physdev_eoi), false, false},
    [PHYSDEVOP_irq_status_query] = {op_query, sizeof(struct physdev_irq_status_query), true, false},
    [PHYSDEVOP_set_iopl] = {op_set_iopl, sizeof(struct physdev_set_iopl), false, false},
    [PHYSDEVOP_set_iobitmap] = {op_set_iobitmap, sizeof(struct physdev_set_iobitmap), false, false},
    [PHYSDEVOP_apic_read] = {op_apic_read, sizeof(struct physdev_apic), true, true},
    [PHYSDEVOP_alloc_irq_vector] = {op_alloc_vector, sizeof(struct physdev_irq), true, true},
    [PHYSDEVOP_map_pirq] = {op_map_pirq, sizeof(struct physdev_map_pirq), true, false},
    [PHYSDEVOP_unmap_pirq] = {op_unmap_pirq, sizeof(struct physdev_unmap_pirq), false, false},
    [PHYSDEVOP_manage_pci_add] = {op_manage, sizeof(struct physdev_manage_pci), false, true},
    [PHYSDEVOP_manage_pci_remove] = {op_manage, sizeof(struct physdev_manage_pci), false, true},
    [PHYSDEVOP_restore_msi] = {op_restore, sizeof(struct physdev_restore_msi), false, true},
    [PHYSDEVOP_manage_pci_add_ext] = {op_manage, sizeof(struct physdev_manage_pci), false, true},
    [PHYSDEVOP_setup_gsi] = {op_setup_gsi, sizeof(struct physdev_setup_gsi), false, true},
    [PHYSDEVOP_get_free_pirq] = {op_get_free_pirq, sizeof(struct physdev_get_free_pirq), true,
                                 true},
    [PHYSDEVOP_pci_device_add] = {op_device, sizeof(struct physdev_pci_device), false, true},
    [PHYSDEVOP_pci_device_remove] = {op_device, sizeof(struct physdev_pci_device), false, true},
    [PHYSDEVOP_restore_msi_ext] = {op_restore_extended, sizeof(struct physdev_pci_device), false,
                                   true},
    [PHYSDEVOP_prepare_msix] = {op_msix, sizeof(struct physdev_pci_device), false, true},
    [PHYSDEVOP_release_msix] = {op_msix, sizeof(struct physdev_pci_device), false, true},
};

long do_physdev_op(uint32_t command, unsigned long address)
{
    guest_ptr_t pointer = guest_ptr(address);
    union physdev_argument copy = {0};

    if (command >= sizeof(operations) / sizeof(operations[0]) || !operations[command].handler)
        return -XEN_ENOSYS;
    const struct physdev_operation *operation = &operations[command];
    if (copy_from_guest(&copy, pointer, operation->size))
        return -XEN_EFAULT;
    if (operation->privileged && !current_domain()->privileged)
        return -XEN_EPERM;
    if (operation->copies_out && copy_to_guest(pointer, &copy, operation->size))
        return -XEN_EFAULT;
    long status = operation->handler(&copy);
    if (!status && operation->copies_out && copy_to_guest(pointer, &copy, operation->size))
        return -XEN_EFAULT;
    return status;
}
