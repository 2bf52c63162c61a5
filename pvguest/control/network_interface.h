/* SPDX-License-Identifier: MIT */
/*
 * An interface of the control domain's network: a card, or the back end of a guest's. What it
 * receives it hands to network_forward() (network.h); what it is to send waits in its queue.
 * One thread, that of network.c, calls the functions of all types, never while it waits; interfaces
 * come and go in other threads between its rounds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/list.h"
#include "pvguest/control/network_frame.h"
#include "pvguest/control/network_packet.h"
#include "pvguest/control/network_queue.h"
#include "pvguest/control/network_rate.h"
#include "pvguest/control/network_table.h"
#include <xen/xen.h>

#define NETWORK_INTERFACES_MAX NETWORK_FLOWS_MAX
#define NETWORK_NAME_SIZE      16
#define NETWORK_FRAME_MAX      1518 /* on the wire with a VLAN tag, without the frame check sequence */

struct network_interface;

struct network_type {
    const char *name;
    /*
     * Take what has been received and forward it, at most a fair share at a time. Returns whether
     * there is more to do at once.
     */
    bool (*serve)(struct network_interface *interface);
    /* Send from the queue as far as there is room. */
    void (*transmit)(struct network_interface *interface);
};

struct network_counters {
    uint64_t received_frames, received_bytes; /* from the card or guest */
    uint64_t sent_frames, sent_bytes;         /* to it */
    uint64_t spoofed;                         /* with a source address that it may not use */
    uint64_t malformed;                       /* bad slots, grants or headers */
    uint64_t dropped;                         /* towards it, for want of room, or too long */
};

struct network_bridge {
    struct list link;
    char name[NETWORK_NAME_SIZE];
    struct network_table table;
    struct network_interface *card; /* the first one, or NULL */
};

struct network_interface {
    /* Filled in by the type before network_attach(). */
    const struct network_type *type;
    char name[NETWORK_NAME_SIZE];
    struct network_address address;
    domid_t domain; /* at its other end; 0 for a card */
    bool is_card;
    bool may_spoof;     /* every source address is good; always so for a card */
    bool can_checksum;  /* takes frames with a blank TCP or UDP checksum */
    bool can_segment;   /* takes large IPv4 TCP segments */
    uint32_t frame_max; /* takes frames up to this size as they are */
    struct network_rate rate;

    /* Changed by its owner at any time. */
    bool is_up;       /* as the administrator wants it */
    bool has_carrier; /* as the card or the guest has it */
    uint64_t wake_ns; /* serve it again at this time; 0: when something happens */

    /* network.c's own, for others to read. */
    struct list link;
    unsigned int number; /* its flow in all queues, its place in the table */
    struct network_bridge *bridge;
    struct network_queue queue;
    struct network_counters counters;
};
