/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts turned into event channels. One table of pirqs for the machine: numbers of
 * I/O APIC pins stand for themselves, messages (MSI, MSI-X) get numbers above them. A privileged
 * domain maps a pirq, which gives it a vector, and binds it to a port, which lets it fire.
 *
 * Under irq_lock (LOCK_LEVEL_IRQ, inside the event lock). A level-triggered pin is masked when it
 * fires and unmasked when its domain says that it has dealt with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/physdev.h>
#include <xen/xen.h>

struct domain;

/* A device vector fired; acknowledges the local APIC itself. */
void irq_interrupt(unsigned vector);

/*
 * PHYSDEVOP_map_pirq: *pirq is the number wanted, negative for any, and becomes the one given. 0,
 * also when it is mapped so already; -XEN_EINVAL (no such pin or device), -XEN_EBUSY (in other
 * use), -XEN_ENOSPC (no number or vector left), others from msi_program.
 */
int irq_map_gsi(struct domain *domain, int gsi, int *pirq);
int irq_map_msi(struct domain *domain, const struct physdev_map_pirq *request, int *pirq);
int irq_unmap(struct domain *domain, int pirq);
/* PHYSDEVOP_setup_gsi: how a pin is wired; -XEN_EEXIST when that is settled already. */
int irq_setup_gsi(int gsi, bool level_triggered, bool active_low);
/* PHYSDEVOP_get_free_pirq: a number that map_pirq will not give to anyone else. */
int irq_reserve(struct domain *domain, uint32_t *pirq);
/* PHYSDEVOP_restore_msi: write the messages of a device again. */
int irq_restore_messages(const struct domain *domain, unsigned bus, unsigned device_function);

/* EVTCHNOP_bind_pirq / close; the event lock is held. */
int irq_bind(struct domain *domain, unsigned pirq, evtchn_port_t port, bool shareable);
void irq_unbind(struct domain *domain, unsigned pirq, evtchn_port_t port);
/* PHYSDEVOP_eoi, and whether a pirq wants one (PHYSDEVOP_irq_status_query). */
int irq_end(struct domain *domain, unsigned pirq);
int irq_needs_end(struct domain *domain, unsigned pirq, bool *wanted);
void irq_release_domain(struct domain *domain);
