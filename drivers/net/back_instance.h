/* SPDX-License-Identifier: MIT */
/*
 * One interface of one guest at the back end: two rings, one channel, a place at a bridge. Threads
 * only; the event handler notes and wakes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/net/wire.h"
#include "pvguest/control/network_interface.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/grant.h"

struct net_instance {
    struct network_interface interface;
    domid_t domain;
    char bridge[NETWORK_NAME_SIZE];

    bool connected, broken;
    bool notified; /* by the guest, or by ourselves when something was left in the ring */
    evtchn_port_t port;
    struct grant_mapping tx_mapping, rx_mapping;
    netif_tx_back_ring_t tx;
    netif_rx_back_ring_t rx;
    uint64_t refused_count;
};

/* What a front end has published, read but not believed. */
struct net_front_offer {
    grant_ref_t tx_ref, rx_ref;
    evtchn_port_t port;
    bool takes_scattered, takes_segments, takes_blank;
};

extern const struct network_type net_instance_type;

/* Map the rings, bind the channel, join the bridge. 0 or a negative errno, everything undone. */
int net_instance_connect(struct net_instance *instance, const struct net_front_offer *offer);
void net_instance_disconnect(struct net_instance *instance);

/* The guest's ring makes no sense: nothing of it is read again until it is connected anew. */
void net_instance_shut(struct net_instance *instance, const char *why);

/* A frame was refused; of a flood only some are reported. */
void net_instance_refuse(struct net_instance *instance, const char *why);
