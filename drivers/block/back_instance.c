/* SPDX-License-Identifier: MIT */
#include "drivers/block/back_instance.h"

#include <xen/errno.h>

#include "drivers/block/back_work.h"
#include "lib/string.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"

struct wait_queue block_instance_queue = WAIT_QUEUE_INIT(block_instance_queue);
bool block_instance_notified;

/* One-shot: the port stays masked until the thread has looked into the ring. */
static void block_event(evtchn_port_t port, void *argument)
{
    struct block_instance *instance = argument;

    event_port_mask(port);
    instance->notified = true;
    block_instance_notified = true;
    wait_queue_wake(&block_instance_queue);
}

int block_instance_connect(struct block_instance *instance, grant_ref_t ring_ref,
                           evtchn_port_t remote_port)
{
    int error = grant_map(instance->domain, &ring_ref, 1, false, &instance->ring_mapping);

    if (error != 0)
        return error;
    error = event_bind_interdomain(instance->domain, remote_port, &instance->port);
    if (error != 0)
        goto unmap;
    BACK_RING_INIT(&instance->ring, (blkif_sring_t *)instance->ring_mapping.address, PAGE_SIZE);
    instance->broken = instance->held_back = false;
    instance->connected = true;
    error = event_bind(instance->port, block_event, instance);
    if (error != 0)
        goto close;
    /* The front end may have filled the ring before anybody listened. */
    instance->notified = block_instance_notified = true;
    wait_queue_wake(&block_instance_queue);
    return 0;

close:
    instance->connected = false;
    event_close(instance->port);
unmap:
    grant_unmap(&instance->ring_mapping);
    return error;
}

void block_instance_disconnect(struct block_instance *instance)
{
    instance->connected = false;
    event_close(instance->port);
    WAIT_UNTIL(&instance->finished, instance->in_flight == 0);
    if (grant_unmap(&instance->ring_mapping) != 0)
        notice("block: domain %u, %s: the ring could not be unmapped", instance->domain,
               instance->name);
}

/* Its indices make no sense: nothing of this ring is read again until it is connected anew. */
static void shut(struct block_instance *instance)
{
    instance->broken = true;
    notice("block: domain %u, %s: impossible ring indices, the ring is shut", instance->domain,
           instance->name);
}

/* A barrier passes alone: after all before it, before all behind it. */
static bool must_wait(const struct block_instance *instance, const blkif_request_t *request)
{
    return request->operation == BLKIF_OP_WRITE_BARRIER && instance->in_flight > 0;
}

/* Start what is in the ring, as far as it may be started. False when the ring is hostile. */
static bool consume(struct block_instance *instance)
{
    int pending = block_ring_pending(&instance->ring);

    for (; pending > 0 && !instance->held_back; pending--) {
        blkif_request_t request;

        RING_COPY_REQUEST(&instance->ring, instance->ring.req_cons, &request);
        barrier();
        if (must_wait(instance, &request)) {
            instance->held_back = true;
            break;
        }
        instance->ring.req_cons++;
        instance->held_back = request.operation == BLKIF_OP_WRITE_BARRIER;
        block_work_start(instance, &request);
        if (instance->in_flight == 0)
            instance->held_back = false;
    }
    return pending >= 0;
}

bool block_instance_serve(struct block_instance *instance)
{
    int more;

    if (!instance->connected || instance->broken || !instance->notified)
        return false;
    instance->notified = false;
    if (instance->held_back && instance->in_flight == 0)
        instance->held_back = false;
    if (!consume(instance)) {
        shut(instance);
        return false;
    }
    if (instance->held_back) {
        event_port_unmask(instance->port);
        return false;
    }
    /* Ask to be told of the next request, then look once more. */
    WRITE_ONCE(instance->ring.sring->req_event, instance->ring.req_cons + 1);
    memory_barrier();
    more = block_ring_pending(&instance->ring);
    event_port_unmask(instance->port);
    /* Never taken back here: the guest's event may have come after the last look. */
    if (more != 0)
        instance->notified = true;
    return more != 0;
}
