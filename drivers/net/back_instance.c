/* SPDX-License-Identifier: MIT */
#include "drivers/net/back_instance.h"

#include <xen/errno.h>

#include "drivers/net/back_receive.h"
#include "drivers/net/back_transmit.h"
#include "pvguest/control/network.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"

/* One-shot: the port stays masked until the thread has looked into the rings. */
static void net_event(evtchn_port_t port, void *argument)
{
    struct net_instance *instance = argument;

    event_port_mask(port);
    instance->notified = true;
    network_notice();
}

void net_instance_shut(struct net_instance *instance, const char *why)
{
    instance->broken = true;
    instance->interface.has_carrier = false;
    notice("network: %s: %s: the interface is shut", instance->interface.name, why);
}

void net_instance_refuse(struct net_instance *instance, const char *why)
{
    instance->refused_count++;
    instance->interface.counters.malformed++;
    if ((instance->refused_count & (instance->refused_count - 1)) == 0)
        notice("network: %s: a frame was refused: %s (%llu so far)", instance->interface.name, why,
               (unsigned long long)instance->refused_count);
}

static int map_rings(struct net_instance *instance, const struct net_front_offer *offer)
{
    int error = grant_map(instance->domain, &offer->tx_ref, 1, false, &instance->tx_mapping);

    if (error != 0)
        return error;
    error = grant_map(instance->domain, &offer->rx_ref, 1, false, &instance->rx_mapping);
    if (error != 0) {
        grant_unmap(&instance->tx_mapping);
        return error;
    }
    BACK_RING_INIT(&instance->tx, (netif_tx_sring_t *)instance->tx_mapping.address, PAGE_SIZE);
    BACK_RING_INIT(&instance->rx, (netif_rx_sring_t *)instance->rx_mapping.address, PAGE_SIZE);
    return 0;
}

static void unmap_rings(struct net_instance *instance)
{
    int error = grant_unmap(&instance->tx_mapping);

    error = grant_unmap(&instance->rx_mapping) != 0 ? -XEN_EIO : error;
    if (error != 0)
        notice("network: %s: a ring could not be unmapped", instance->interface.name);
}

static void set_abilities(struct network_interface *interface, const struct net_front_offer *offer)
{
    interface->can_checksum = offer->takes_blank;
    interface->can_segment = offer->takes_scattered && offer->takes_segments && offer->takes_blank;
    interface->frame_max = offer->takes_scattered ? NET_FRAME_MAX : NET_PAGE_SIZE;
    interface->has_carrier = true;
}

int net_instance_connect(struct net_instance *instance, const struct net_front_offer *offer)
{
    int error = map_rings(instance, offer);

    if (error != 0)
        return error;
    error = event_bind_interdomain(instance->domain, offer->port, &instance->port);
    if (error != 0)
        goto unmap;
    instance->broken = false;
    set_abilities(&instance->interface, offer);
    error = network_attach(&instance->interface, instance->bridge);
    if (error != 0)
        goto close;
    error = event_bind(instance->port, net_event, instance);
    if (error != 0)
        goto detach;
    instance->connected = true;
    /* The front end may have filled the rings before anybody listened. */
    instance->notified = true;
    network_notice();
    return 0;

detach:
    network_detach(&instance->interface);
close:
    event_close(instance->port);
unmap:
    instance->interface.has_carrier = false;
    unmap_rings(instance);
    return error;
}

void net_instance_disconnect(struct net_instance *instance)
{
    instance->connected = false;
    instance->interface.has_carrier = false;
    event_close(instance->port);
    network_detach(&instance->interface);
    unmap_rings(instance);
}

static struct net_instance *instance_of(struct network_interface *interface)
{
    return container_of(interface, struct net_instance, interface);
}

/*
 * The port is unmasked also when frames are left in the ring, for the guest may be giving us
 * buffers; that costs one look at the most for each notification.
 */
static bool instance_serve(struct network_interface *interface)
{
    struct net_instance *instance = instance_of(interface);
    bool more;

    if (!instance->connected || instance->broken || !instance->notified)
        return false;
    instance->notified = false;
    more = net_back_take_frames(instance);
    if (!instance->broken)
        event_port_unmask(instance->port);
    return more;
}

static void instance_transmit(struct network_interface *interface)
{
    struct net_instance *instance = instance_of(interface);

    if (instance->connected && !instance->broken && !network_queue_is_empty(&interface->queue))
        net_back_give_frames(instance);
}

const struct network_type net_instance_type = {
    .name = "vif",
    .serve = instance_serve,
    .transmit = instance_transmit,
};
