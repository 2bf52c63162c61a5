/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts turned into event channels: vectors, I/O APIC pins, MSI, and the pirqs a
 * privileged domain binds. Under irq_lock (LOCK_LEVEL_IRQ).
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

/* PHYSDEVOP_map_pirq for a GSI or an MSI/MSI-X of a PCI function: allocates pirq and vector. */
int irq_map_gsi(struct domain *domain, unsigned gsi, unsigned *pirq);
int irq_map_msi(struct domain *domain, const struct physdev_map_pirq *request, unsigned *pirq);
int irq_unmap(struct domain *domain, unsigned pirq);
int irq_setup_gsi(unsigned gsi, bool level_triggered, bool active_low);

/* EVTCHNOP_bind_pirq / close; event lock not held. */
int irq_bind(struct domain *domain, unsigned pirq, evtchn_port_t port, bool shareable);
void irq_unbind(struct domain *domain, unsigned pirq);
/* PHYSDEVOP_eoi, and whether a level interrupt wants one (PHYSDEVOP_irq_status_query). */
int irq_end(struct domain *domain, unsigned pirq);
bool irq_needs_end(struct domain *domain, unsigned pirq);
void irq_release_domain(struct domain *domain);
