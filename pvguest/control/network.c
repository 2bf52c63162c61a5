/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/network_forward.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/thread.h"

static struct list interfaces = {&interfaces, &interfaces};
static struct list bridges = {&bridges, &bridges};
static uint64_t numbers_used;
static struct wait_queue noticed_queue = WAIT_QUEUE_INIT(noticed_queue);
static bool noticed;

void network_notice(void)
{
    noticed = true;
    wait_queue_wake(&noticed_queue);
}

struct network_interface *network_next(const struct network_interface *interface)
{
    const struct list *position = interface != NULL ? &interface->link : &interfaces;

    if (position->next == &interfaces)
        return NULL;
    return container_of(position->next, struct network_interface, link);
}

struct network_interface *network_find(const char *name)
{
    struct network_interface *interface = network_next(NULL);

    while (interface != NULL && strcmp(interface->name, name) != 0)
        interface = network_next(interface);
    return interface;
}

static struct network_bridge *bridge_find(const char *name)
{
    list_for_each(position, &bridges)
    {
        struct network_bridge *bridge = container_of(position, struct network_bridge, link);

        if (strcmp(bridge->name, name) == 0)
            return bridge;
    }
    return NULL;
}

static struct network_bridge *bridge_make(const char *name)
{
    struct network_bridge *bridge = heap_allocate_zeroed(sizeof(*bridge));

    if (bridge == NULL)
        return NULL;
    text_copy(bridge->name, name, sizeof(bridge->name));
    list_push_back(&bridges, &bridge->link);
    return bridge;
}

/* A bridge that joins nobody is of no use. */
static void bridge_leave(struct network_interface *interface)
{
    struct network_bridge *bridge = interface->bridge;

    interface->bridge = NULL;
    network_table_forget(&bridge->table, interface->number);
    bridge->card = bridge->card == interface ? NULL : bridge->card;
    for (struct network_interface *other = network_next(NULL); other; other = network_next(other))
        if (other->bridge == bridge)
            return;
    list_remove(&bridge->link);
    heap_free(bridge);
}

static void bridge_join(struct network_interface *interface, struct network_bridge *bridge)
{
    interface->bridge = bridge;
    if (interface->is_card && bridge->card == NULL)
        bridge->card = interface;
}

int network_attach(struct network_interface *interface, const char *name)
{
    struct network_bridge *bridge = bridge_find(name);

    if (~numbers_used == 0)
        return -XEN_ENOSPC;
    if (bridge == NULL)
        bridge = bridge_make(name);
    if (bridge == NULL)
        return -XEN_ENOMEM;
    network_queue_init(&interface->queue);
    interface->wake_ns = 0;
    interface->number = (unsigned int)__builtin_ctzll(~numbers_used);
    bridge_join(interface, bridge);
    if (!interface->is_card &&
        !network_table_fix(&bridge->table, &interface->address, interface->number)) {
        list_init(&interface->link);
        bridge_leave(interface);
        return -XEN_EEXIST;
    }
    numbers_used |= 1ull << interface->number;
    list_push_back(&interfaces, &interface->link);
    network_notice();
    return 0;
}

static void discard_queue(struct network_interface *interface)
{
    struct network_packet *packet;

    while ((packet = network_queue_take(&interface->queue)) != NULL) {
        interface->counters.dropped++;
        network_packet_free(packet);
    }
}

void network_detach(struct network_interface *interface)
{
    discard_queue(interface);
    list_remove(&interface->link);
    numbers_used &= ~(1ull << interface->number);
    bridge_leave(interface);
}

bool network_has_room(const struct network_interface *source)
{
    const struct network_interface *card = source->bridge->card;

    return card == NULL || !network_interface_is_on(card) ||
           network_queue_has_room(&card->queue, source->number);
}

/* One round: everybody's news, then everybody's queue. Gives when the next is due at the latest. */
static bool serve_all(uint64_t *deadline_ns)
{
    bool more = false;

    *deadline_ns = WAIT_FOR_EVER;
    for (struct network_interface *each = network_next(NULL); each; each = network_next(each)) {
        each->wake_ns = 0;
        if (each->type->serve(each))
            more = true;
        if (each->wake_ns != 0 && each->wake_ns < *deadline_ns)
            *deadline_ns = each->wake_ns;
    }
    for (struct network_interface *each = network_next(NULL); each; each = network_next(each)) {
        if (!network_interface_is_on(each))
            discard_queue(each);
        else
            each->type->transmit(each);
    }
    return more;
}

static void network_thread(void *argument)
{
    uint64_t deadline_ns = WAIT_FOR_EVER;

    (void)argument;
    for (;;) {
        (void)WAIT_UNTIL_DEADLINE(&noticed_queue, noticed, deadline_ns);
        noticed = false;
        if (serve_all(&deadline_ns))
            noticed = true;
        thread_yield();
    }
}

int network_start(void)
{
    int error = network_packet_start();

    if (error != 0)
        return error;
    return thread_create("network", network_thread, NULL) != NULL ? 0 : -XEN_ENOMEM;
}
