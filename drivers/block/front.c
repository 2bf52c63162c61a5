/* SPDX-License-Identifier: MIT */
#include "drivers/block/front.h"

#include <xen/errno.h>

#include "drivers/block/front_ring.h"
#include "drivers/bus/front.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/thread.h"

#define SECTOR_SIZE_MAX 4096

struct block_front {
    struct bus_front bus;
    struct block_front_ring ring;
    evtchn_port_t port;
    bool port_open, connected;
    struct block_properties properties;
    struct block_counters counters;
    struct list waiting;
    bool notified;
    struct wait_queue work;     /* the thread's */
    struct wait_queue finished; /* those who wait for requests */
};

static void block_event(evtchn_port_t port, void *argument)
{
    struct block_front *front = argument;

    (void)port;
    front->notified = true;
    wait_queue_wake(&front->work);
}

static void front_disconnect(struct bus_front *bus)
{
    struct block_front *front = bus->context;

    front->connected = false;
    if (front->port_open)
        event_close(front->port);
    front->port_open = false;
    block_front_ring_close(&front->ring);
}

static int front_setup(struct bus_front *bus)
{
    struct block_front *front = bus->context;
    int error = block_front_ring_open(&front->ring, bus->back_domain);

    if (error != 0)
        return error;
    error = event_allocate_unbound(bus->back_domain, &front->port);
    if (error != 0)
        return error;
    front->port_open = true;
    return event_bind(front->port, block_event, front);
}

static int front_publish(struct bus_front *bus, store_transaction_t transaction)
{
    const struct block_front *front = bus->context;
    int error = bus_key_write(transaction, bus->directory, "ring-ref", "%u", front->ring.ref);

    if (error == 0)
        error = bus_key_write(transaction, bus->directory, "event-channel", "%u", front->port);
    if (error == 0)
        error = bus_key_write(transaction, bus->directory, "protocol", "x86_64-abi");
    return error;
}

static int read_properties(const struct bus_front *bus, struct block_properties *properties)
{
    uint64_t sector_size, info;
    int error = bus_key_read_unsigned(bus->back_directory, "sectors", &properties->sectors);

    if (error == 0)
        error = bus_key_read_unsigned(bus->back_directory, "sector-size", &sector_size);
    if (error == 0)
        error = bus_key_read_unsigned(bus->back_directory, "info", &info);
    if (error != 0)
        return error;
    if (sector_size < BLOCK_SECTOR_SIZE || sector_size > SECTOR_SIZE_MAX ||
        (sector_size & (sector_size - 1)) != 0)
        return -XEN_EINVAL;
    properties->sector_size = (uint32_t)sector_size;
    properties->readonly = (info & VDISK_READONLY) != 0;
    properties->flush = bus_key_read_optional(bus->back_directory, "feature-flush-cache", 0) != 0;
    properties->barrier = bus_key_read_optional(bus->back_directory, "feature-barrier", 0) != 0;
    return 0;
}

static void finish_with(struct block_front *front, struct block_request *request, int status)
{
    request->status = status;
    request->finished = true;
    wait_queue_wake(&front->finished);
}

static void push(struct block_front *front)
{
    if (block_front_ring_push(&front->ring))
        event_notify(front->port);
}

/* As many of the waiting requests as the ring has room for. */
static void start_waiting(struct block_front *front)
{
    struct list *first;

    while (front->connected && (first = list_first(&front->waiting)) != NULL) {
        struct block_request *request = container_of(first, struct block_request, link);
        int error = block_front_ring_put(&front->ring, request);

        if (error == -XEN_EAGAIN)
            break;
        list_remove(first);
        if (error != 0)
            finish_with(front, request, error);
    }
    if (front->connected)
        push(front);
}

static int front_connected(struct bus_front *bus)
{
    struct block_front *front = bus->context;
    int error = read_properties(bus, &front->properties);

    if (error != 0)
        return error;
    block_front_ring_requeue(&front->ring);
    front->connected = true;
    start_waiting(front);
    return 0;
}

static const struct bus_front_driver block_front_driver = {
    .type = "vbd",
    .setup = front_setup,
    .publish = front_publish,
    .connected = front_connected,
    .disconnect = front_disconnect,
};

static void block_front_thread(void *argument)
{
    struct block_front *front = argument;

    for (;;) {
        WAIT_UNTIL(&front->work, front->notified);
        front->notified = false;
        if (!front->connected)
            continue;
        if (block_front_ring_take(&front->ring) != 0) {
            print("block: the back end of %s wrote nonsense into the ring\n", front->bus.directory);
            front->connected = false;
        }
        wait_queue_wake(&front->finished);
        start_waiting(front);
    }
}

int block_front_start(unsigned int id, struct block_front **result)
{
    struct block_front *front = heap_allocate_zeroed(sizeof(*front));
    int error;

    if (front == NULL)
        return -XEN_ENOMEM;
    list_init(&front->waiting);
    wait_queue_init(&front->work);
    wait_queue_init(&front->finished);
    if (thread_create("block front", block_front_thread, front) == NULL) {
        heap_free(front);
        return -XEN_ENOMEM;
    }
    *result = front;
    error = bus_front_start(&front->bus, &block_front_driver, id, front);
    return error;
}

bool block_front_wait(struct block_front *front, uint64_t deadline_ns)
{
    return bus_front_wait(&front->bus, deadline_ns);
}

bool block_front_connected(const struct block_front *front)
{
    return front->connected;
}

const struct block_properties *block_front_properties(const struct block_front *front)
{
    return &front->properties;
}

const struct block_counters *block_front_counters(const struct block_front *front)
{
    return &front->counters;
}

static bool request_valid(const struct block_request *request)
{
    bool has_data = request->operation != BLOCK_FLUSH &&
                    (request->operation != BLOCK_BARRIER || request->count > 0);

    if (!has_data)
        return request->count == 0;
    return request->count > 0 && request->count <= BLOCK_FRONT_SECTORS_MAX &&
           (uintptr_t)request->buffer % PAGE_SIZE == 0;
}

static void count_request(struct block_counters *counters, const struct block_request *request)
{
    if (request->operation == BLOCK_READ) {
        counters->reads++;
        counters->sectors_read += request->count;
    } else if (request->operation != BLOCK_FLUSH) {
        counters->writes++;
        counters->sectors_written += request->count;
    }
}

int block_front_submit(struct block_front *front, struct block_request *request)
{
    if (!request_valid(request))
        return -XEN_EINVAL;
    count_request(&front->counters, request);
    request->finished = false;
    list_push_back(&front->waiting, &request->link);
    start_waiting(front);
    return 0;
}

int block_front_finish(struct block_front *front, struct block_request *request)
{
    WAIT_UNTIL(&front->finished, request->finished);
    return request->status;
}

int block_front_transfer(struct block_front *front, enum block_operation operation, uint64_t sector,
                         void *buffer, unsigned int count)
{
    struct block_request request = {.operation = operation};
    char *address = buffer;
    int error;

    do {
        request.sector = sector;
        request.buffer = address;
        request.count = count < BLOCK_FRONT_SECTORS_MAX ? count : BLOCK_FRONT_SECTORS_MAX;
        error = block_front_submit(front, &request);
        if (error == 0)
            error = block_front_finish(front, &request);
        sector += request.count;
        address += (uint64_t)request.count * BLOCK_SECTOR_SIZE;
        count -= request.count;
    } while (error == 0 && count > 0);
    return error;
}

int block_front_restart(struct block_front *front)
{
    unsigned int id = front->bus.id;

    bus_front_stop(&front->bus);
    return bus_front_start(&front->bus, &block_front_driver, id, front);
}

void block_front_corrupt(struct block_front *front)
{
    WRITE_ONCE(front->ring.shared->req_prod, front->ring.ring.req_prod_pvt + UINT32_MAX / 2);
    event_notify(front->port);
}
