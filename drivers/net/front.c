/* SPDX-License-Identifier: MIT */
#include "drivers/net/front.h"

#include <xen/errno.h>

#include "drivers/bus/front.h"
#include "drivers/net/front_receive.h"
#include "drivers/net/front_transmit.h"
#include "lib/format.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/print.h"

#define MTU_DEFAULT 1500
#define MTU_MIN     576
#define MTU_MAX     (NETWORK_FRAME_MAX - 18) /* Ethernet's header and a VLAN's */

struct network_front {
    struct bus_front bus;
    struct front_receive receive;
    struct front_transmit transmit;
    evtchn_port_t port;
    bool port_open, connected, link, watching;
    struct store_watch carrier;
    struct network_properties properties;
    struct network_counters counters;
    bool notified;
    struct wait_queue work;
};

void network_front_poke(struct network_front *front)
{
    front->notified = true;
    wait_queue_wake(&front->work);
}

static void network_event(evtchn_port_t port, void *argument)
{
    (void)port;
    network_front_poke(argument);
}

/* --- connection: the store's watch thread --- */

static void front_disconnect(struct bus_front *bus)
{
    struct network_front *front = bus->context;

    front->connected = false;
    if (front->watching)
        store_unwatch(&front->carrier);
    front->watching = false;
    if (front->port_open)
        event_close(front->port);
    front->port_open = false;
    front_transmit_close(&front->transmit);
    front_receive_close(&front->receive);
    network_front_poke(front);
}

static int front_setup(struct bus_front *bus)
{
    struct network_front *front = bus->context;
    int error = front_receive_open(&front->receive, bus->back_domain);

    if (bus_key_read_optional(bus->back_directory, "feature-rx-copy", 0) == 0)
        return -XEN_EOPNOTSUPP;
    if (error == 0)
        error = front_transmit_open(&front->transmit, bus->back_domain);
    if (error == 0)
        error = event_allocate_unbound(bus->back_domain, &front->port);
    if (error != 0)
        return error;
    front->port_open = true;
    return event_bind(front->port, network_event, front);
}

static int front_publish(struct bus_front *bus, store_transaction_t transaction)
{
    static const char *const features[] = {"request-rx-copy", "feature-rx-notify", "feature-sg",
                                           "feature-gso-tcpv4"};
    const struct network_front *front = bus->context;
    int error =
        bus_key_write(transaction, bus->directory, "tx-ring-ref", "%u", front->transmit.shared.ref);

    if (error == 0)
        error = bus_key_write(transaction, bus->directory, "rx-ring-ref", "%u",
                              front->receive.shared.ref);
    if (error == 0)
        error = bus_key_write(transaction, bus->directory, "event-channel", "%u", front->port);
    for (unsigned int i = 0; i < sizeof(features) / sizeof(features[0]) && error == 0; i++)
        error = bus_key_write(transaction, bus->directory, features[i], "1");
    return error;
}

/* Six pairs of hexadecimal digits between colons. */
static bool parse_address(const char *text, uint8_t *address)
{
    for (unsigned int i = 0; i < 2 * NETWORK_ADDRESS_SIZE; i++, text++) {
        char digit = (char)(*text | 0x20);
        unsigned int value;

        if (digit >= '0' && digit <= '9')
            value = (unsigned int)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            value = (unsigned int)(digit - 'a') + 10;
        else
            return false;
        address[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : address[i / 2] << 4) | value);
        if (i % 2 == 1 && i + 1 < 2 * NETWORK_ADDRESS_SIZE && *++text != ':')
            return false;
    }
    return *text == '\0';
}

static int read_properties(const struct bus_front *bus, struct network_properties *properties)
{
    const char *back = bus->back_directory;
    char text[STORE_VALUE_SIZE];
    uint64_t mtu = bus_key_read_optional(bus->directory, "mtu", MTU_DEFAULT);
    int error = bus_key_read(bus->directory, "mac", text, sizeof(text));

    if (error != 0)
        return error;
    if (!parse_address(text, properties->address) || (properties->address[0] & 1) != 0)
        return -XEN_EINVAL;
    properties->mtu = (uint16_t)(mtu >= MTU_MIN && mtu <= MTU_MAX ? mtu : MTU_DEFAULT);
    properties->checksum = bus_key_read_optional(back, "feature-no-csum-offload", 0) == 0;
    properties->segmentation = properties->checksum &&
                               bus_key_read_optional(back, "feature-sg", 0) != 0 &&
                               bus_key_read_optional(back, "feature-gso-tcpv4", 0) != 0;
    return 0;
}

/* A back end that does not say whether there is a link has one. */
static void carrier_changed(const char *path, void *argument)
{
    struct network_front *front = argument;

    (void)path;
    front->link = bus_key_read_optional(front->bus.back_directory, "carrier", 1) != 0;
    network_front_poke(front);
}

static int front_connected(struct bus_front *bus)
{
    struct network_front *front = bus->context;
    char path[STORE_PATH_SIZE];
    int error = read_properties(bus, &front->properties);

    if (error != 0)
        return error;
    if (format_text(path, sizeof(path), "%s/carrier", bus->back_directory) < STORE_PATH_SIZE)
        front->watching = store_watch(&front->carrier, path, carrier_changed, front) == 0;
    front->link = true;
    front->connected = true;
    front->counters.connections++;
    event_notify(front->port);
    network_front_poke(front);
    return 0;
}

static const struct bus_front_driver network_front_driver = {
    .type = "vif",
    .setup = front_setup,
    .publish = front_publish,
    .connected = front_connected,
    .disconnect = front_disconnect,
};

/* --- frames: the user's threads --- */

static void give_up(struct network_front *front)
{
    print("network: the back end of %s wrote nonsense into the ring\n", front->bus.directory);
    front->connected = false;
}

/* Take frames until there are none, nonsense comes or the budget is used up. */
static bool take_frames(struct network_front *front, network_arrived_t *arrived, void *argument,
                        unsigned int budget)
{
    struct network_arrival arrival;

    for (; budget > 0; budget--) {
        int result = front_receive_take(&front->receive, &arrival);

        if (result == -XEN_EINVAL) {
            give_up(front);
            return false;
        }
        if (result == 0)
            return false;
        if (result < 0) {
            front->counters.received_bad++;
            continue;
        }
        front->counters.received++;
        front->counters.received_bytes += arrival.size;
        arrived(&arrival, argument);
    }
    return true;
}

void network_front_receive(struct network_front *front, network_arrived_t *arrived, void *argument,
                           unsigned int budget)
{
    bool more;

    front->notified = false;
    if (!front->connected)
        return;
    if (front_transmit_take(&front->transmit, &front->counters.sent_bad) != 0) {
        give_up(front);
        return;
    }
    more = take_frames(front, arrived, argument, budget);
    if (!front->connected)
        return;
    if (front_receive_offer(&front->receive))
        event_notify(front->port);
    if (more || front_receive_pending(&front->receive))
        front->notified = true;
}

int network_front_send(struct network_front *front, const struct network_frame *frame)
{
    int error;

    if (!front->connected || !front->link)
        return -XEN_ENOTCONN;
    error = front_transmit_put(&front->transmit, frame);
    if (error == -XEN_EAGAIN &&
        front_transmit_take(&front->transmit, &front->counters.sent_bad) != 0) {
        give_up(front);
        return -XEN_ENOTCONN;
    }
    if (error == -XEN_EAGAIN)
        error = front_transmit_put(&front->transmit, frame);
    if (error != 0) {
        front->counters.sent_full++;
        return error;
    }
    front->counters.sent++;
    front->counters.sent_bytes += frame->size;
    if (front_transmit_push(&front->transmit))
        event_notify(front->port);
    return 0;
}

/* --- its life --- */

int network_front_start(unsigned int id, struct network_front **result)
{
    struct network_front *front = heap_allocate_zeroed(sizeof(*front));

    if (front == NULL)
        return -XEN_ENOMEM;
    wait_queue_init(&front->work);
    *result = front;
    return bus_front_start(&front->bus, &network_front_driver, id, front);
}

bool network_front_wait(struct network_front *front, uint64_t deadline_ns)
{
    return bus_front_wait(&front->bus, deadline_ns);
}

bool network_front_up(const struct network_front *front)
{
    return front->connected && front->link;
}

const struct network_properties *network_front_properties(const struct network_front *front)
{
    return &front->properties;
}

const struct network_counters *network_front_counters(const struct network_front *front)
{
    return &front->counters;
}

struct wait_queue *network_front_queue(struct network_front *front)
{
    return &front->work;
}

bool network_front_pending(const struct network_front *front)
{
    return front->notified;
}

int network_front_restart(struct network_front *front)
{
    unsigned int id = front->bus.id;

    bus_front_stop(&front->bus);
    return bus_front_start(&front->bus, &network_front_driver, id, front);
}

void network_front_corrupt(struct network_front *front)
{
    if (!front->connected)
        return;
    WRITE_ONCE(front->transmit.ring.sring->req_prod,
               front->transmit.ring.req_prod_pvt + UINT32_MAX / 2);
    event_notify(front->port);
    front->connected = false; /* nothing sensible is to overwrite it before it was seen */
    network_front_poke(front);
}
