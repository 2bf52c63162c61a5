/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/irq.h"

#include <xen/errno.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/acpi.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/io/io_apic.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/io/msi.h"
#include "hypervisor/processor/lock.h"

#define PIRQ_MAX     256
#define VECTOR_COUNT (VECTOR_DEVICE_LAST - VECTOR_DEVICE_FIRST + 1)

enum pirq_state { PIRQ_FREE, PIRQ_RESERVED, PIRQ_GSI, PIRQ_MESSAGE };

struct pirq {
    struct msi message;
    struct domain *domain; /* who mapped it */
    enum pirq_state state;
    evtchn_port_t port; /* 0 = not bound */
    uint8_t vector;     /* 0 = none */
    bool wired;         /* a GSI whose trigger and polarity are settled */
    bool level_triggered, active_low;
    bool in_service; /* level-triggered, masked until its domain has dealt with it */
};

static struct spinlock irq_lock = SPINLOCK(LOCK_LEVEL_IRQ);
static struct pirq pirqs[PIRQ_MAX];
static uint16_t pirq_of_vector[VECTOR_COUNT]; /* number + 1, 0 = none */

static bool is_gsi(int number)
{
    return number >= 0 && number < PIRQ_MAX && io_apic_has_gsi((unsigned)number);
}

static struct pirq *pirq_of(const struct domain *domain, unsigned number)
{
    if (number >= PIRQ_MAX || pirqs[number].domain != domain)
        return NULL;
    return &pirqs[number];
}

static uint8_t vector_allocate(unsigned number)
{
    for (unsigned i = 0; i < VECTOR_COUNT; i++)
        if (!pirq_of_vector[i]) {
            pirq_of_vector[i] = (uint16_t)(number + 1);
            return (uint8_t)(VECTOR_DEVICE_FIRST + i);
        }
    return 0;
}

static void vector_free(uint8_t vector)
{
    if (vector)
        pirq_of_vector[vector - VECTOR_DEVICE_FIRST] = 0;
}

static void pirq_mask(unsigned number, bool masked)
{
    struct pirq *pirq = &pirqs[number];

    if (pirq->state == PIRQ_MESSAGE)
        msi_mask(&pirq->message, masked);
    else if (masked)
        io_apic_mask(number);
    else
        io_apic_unmask(number);
}

/* Who is to be told of the vector, with a reference; masks a pin that stays asserted. */
static struct domain *vector_target(unsigned vector, evtchn_port_t *port)
{
    struct domain *domain = NULL;

    spin_lock(&irq_lock);
    unsigned number = pirq_of_vector[vector - VECTOR_DEVICE_FIRST];
    if (number--) {
        struct pirq *pirq = &pirqs[number];
        if (pirq->state == PIRQ_GSI && pirq->level_triggered) {
            io_apic_mask(number);
            pirq->in_service = true;
        }
        if (pirq->port && domain_get(pirq->domain)) {
            domain = pirq->domain;
            *port = pirq->port;
        }
    }
    spin_unlock(&irq_lock);
    return domain;
}

void irq_interrupt(unsigned vector)
{
    evtchn_port_t port;
    struct domain *domain = vector_target(vector, &port);

    local_apic_end_of_interrupt();
    if (!domain)
        return;
    event_send_pirq(domain, port);
    domain_put(domain);
}

/* Pins of ISA interrupts are wired as the firmware says, all others as PCI has them. */
static void wire_default(int gsi)
{
    struct pirq *pirq = &pirqs[gsi];

    if (pirq->wired)
        return;
    pirq->level_triggered = pirq->active_low = true;
    for (unsigned irq = 0; irq < ACPI_ISA_IRQS; irq++) {
        bool level, low;
        if (io_apic_isa_gsi(irq, &level, &low) != (unsigned)gsi)
            continue;
        pirq->level_triggered = level;
        pirq->active_low = low;
    }
}

/* The console's pin may be mapped, as guests do with all of them at start, but stays as it is. */
static int gsi_route(int gsi)
{
    const struct pirq *pirq = &pirqs[gsi];

    if (console_owns_gsi((unsigned)gsi))
        return 0;
    return io_apic_route((unsigned)gsi, pirq->vector, pcpu_of(0)->apic_id, pirq->level_triggered,
                         pirq->active_low);
}

int irq_setup_gsi(int gsi, bool level_triggered, bool active_low)
{
    int status = -XEN_EEXIST;

    if (!is_gsi(gsi))
        return -XEN_EINVAL;
    spin_lock(&irq_lock);
    struct pirq *pirq = &pirqs[gsi];
    if (!pirq->wired && !pirq->port) {
        pirq->wired = true;
        pirq->level_triggered = level_triggered;
        pirq->active_low = active_low;
        status = pirq->vector ? gsi_route(gsi) : 0;
    }
    spin_unlock(&irq_lock);
    return status;
}

static int map_gsi_locked(struct domain *domain, int gsi)
{
    struct pirq *pirq = &pirqs[gsi];

    if (pirq->state == PIRQ_GSI)
        return pirq->domain == domain ? 0 : -XEN_EBUSY;
    pirq->vector = vector_allocate((unsigned)gsi);
    if (!pirq->vector)
        return -XEN_ENOSPC;
    wire_default(gsi);
    int status = gsi_route(gsi);
    if (status) {
        vector_free(pirq->vector);
        pirq->vector = 0;
        return status;
    }
    pirq->state = PIRQ_GSI;
    pirq->domain = domain;
    return 0;
}

int irq_map_gsi(struct domain *domain, int gsi, int *pirq)
{
    if (!is_gsi(gsi) || (*pirq >= 0 && *pirq != gsi))
        return -XEN_EINVAL;
    spin_lock(&irq_lock);
    int status = map_gsi_locked(domain, gsi);
    spin_unlock(&irq_lock);
    *pirq = gsi;
    return status;
}

/* The highest free number that is no pin's. */
static int number_find(void)
{
    for (int number = PIRQ_MAX - 1; number > 0 && !is_gsi(number); number--)
        if (pirqs[number].state == PIRQ_FREE)
            return number;
    return -XEN_ENOSPC;
}

int irq_reserve(struct domain *domain, uint32_t *pirq)
{
    spin_lock(&irq_lock);
    int number = number_find();
    if (number >= 0) {
        pirqs[number].state = PIRQ_RESERVED;
        pirqs[number].domain = domain;
        *pirq = (uint32_t)number;
    }
    spin_unlock(&irq_lock);
    return number < 0 ? number : 0;
}

/* The number that a message is to have: the wanted one, if it is the domain's reservation. */
static int message_number(const struct domain *domain, int wanted)
{
    if (wanted < 0)
        return number_find();
    if (wanted >= PIRQ_MAX || is_gsi(wanted))
        return -XEN_EINVAL;
    const struct pirq *pirq = &pirqs[wanted];
    bool usable =
        pirq->state == PIRQ_FREE || (pirq->state == PIRQ_RESERVED && pirq->domain == domain);
    return usable ? wanted : -XEN_EBUSY;
}

static bool message_in_use(const struct msi *message)
{
    for (unsigned i = 0; i < PIRQ_MAX; i++)
        if (pirqs[i].state == PIRQ_MESSAGE && msi_same(&pirqs[i].message, message))
            return true;
    return false;
}

static int map_message_locked(struct domain *domain, struct msi *message, int *number)
{
    if (message_in_use(message))
        return -XEN_EEXIST;
    *number = message_number(domain, *number);
    if (*number < 0)
        return *number;
    struct pirq *pirq = &pirqs[*number];
    uint8_t vector = vector_allocate((unsigned)*number);
    if (!vector)
        return -XEN_ENOSPC;
    msi_mask(message, true);
    msi_program(message, vector, pcpu_of(0)->apic_id);
    *pirq = (struct pirq){
        .state = PIRQ_MESSAGE, .domain = domain, .vector = vector, .message = *message};
    return 0;
}

int irq_map_msi(struct domain *domain, const struct physdev_map_pirq *request, int *pirq)
{
    struct msi message;
    int status = msi_find(request, &message);

    if (status)
        return status;
    spin_lock(&irq_lock);
    status = map_message_locked(domain, &message, pirq);
    spin_unlock(&irq_lock);
    return status;
}

static void unmap_locked(unsigned number)
{
    struct pirq *pirq = &pirqs[number];

    if (pirq->vector)
        pirq_mask(number, true);
    vector_free(pirq->vector);
    *pirq = (struct pirq){.wired = pirq->wired,
                          .level_triggered = pirq->level_triggered,
                          .active_low = pirq->active_low};
}

int irq_unmap(struct domain *domain, int number)
{
    int status = -XEN_EINVAL;

    spin_lock(&irq_lock);
    if (number >= 0 && pirq_of(domain, (unsigned)number)) {
        unmap_locked((unsigned)number);
        status = 0;
    }
    spin_unlock(&irq_lock);
    return status;
}

int irq_restore_messages(const struct domain *domain, unsigned bus, unsigned device_function)
{
    int status = -XEN_ENODEV;

    spin_lock(&irq_lock);
    for (unsigned i = 0; i < PIRQ_MAX; i++) {
        struct pirq *pirq = &pirqs[i];
        if (pirq->state != PIRQ_MESSAGE || pirq->domain != domain ||
            !msi_is_of(&pirq->message, bus, device_function))
            continue;
        msi_program(&pirq->message, pirq->vector, pcpu_of(0)->apic_id);
        msi_mask(&pirq->message, !pirq->port);
        status = 0;
    }
    spin_unlock(&irq_lock);
    return status;
}

int irq_bind(struct domain *domain, unsigned number, evtchn_port_t port, bool shareable)
{
    int status = 0;

    (void)shareable; /* one domain has all pins, and shares them among its drivers itself */
    if (number >= PIRQ_MAX)
        return -XEN_EINVAL;
    if (!domain->privileged)
        return -XEN_EPERM;
    spin_lock(&irq_lock);
    struct pirq *pirq = pirq_of(domain, number);
    if (!pirq || !pirq->vector)
        status = -XEN_EINVAL;
    else if (pirq->port)
        status = -XEN_EEXIST;
    else if (console_owns_gsi(number))
        status = -XEN_EBUSY;
    else {
        pirq->port = port;
        pirq->in_service = false;
        pirq_mask(number, false);
    }
    spin_unlock(&irq_lock);
    return status;
}

/* A pirq that was unmapped and mapped again may belong to another port by now. */
void irq_unbind(struct domain *domain, unsigned number, evtchn_port_t port)
{
    spin_lock(&irq_lock);
    struct pirq *pirq = pirq_of(domain, number);
    if (pirq && pirq->port == port) {
        pirq_mask(number, true);
        pirq->port = 0;
        pirq->in_service = false;
    }
    spin_unlock(&irq_lock);
}

int irq_end(struct domain *domain, unsigned number)
{
    int status = -XEN_EINVAL;

    spin_lock(&irq_lock);
    struct pirq *pirq = pirq_of(domain, number);
    if (pirq) {
        status = 0;
        if (pirq->in_service && pirq->port)
            io_apic_unmask(number);
        pirq->in_service = false;
    }
    spin_unlock(&irq_lock);
    return status;
}

int irq_needs_end(struct domain *domain, unsigned number, bool *wanted)
{
    if (number >= PIRQ_MAX)
        return -XEN_EINVAL;
    spin_lock(&irq_lock);
    const struct pirq *pirq = pirq_of(domain, number);
    *wanted = pirq && pirq->state == PIRQ_GSI && pirq->level_triggered;
    spin_unlock(&irq_lock);
    return 0;
}

void irq_release_domain(struct domain *domain)
{
    for (unsigned number = 0; number < PIRQ_MAX; number++)
        irq_unmap(domain, (int)number);
}
