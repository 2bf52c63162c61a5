/* SPDX-License-Identifier: MIT */
#include "drivers/block/front_ring.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"

int block_front_ring_open(struct block_front_ring *front, domid_t back_domain)
{
    int error;

    front->shared = page_allocate(0);
    if (front->shared == NULL)
        return -XEN_ENOMEM;
    XEN_FRONT_RING_INIT(&front->ring, front->shared, PAGE_SIZE);
    error = grant_access(back_domain, page_mfn(front->shared), false, &front->ref);
    if (error != 0) {
        page_free(front->shared, 0);
        front->shared = NULL;
        return error;
    }
    front->back_domain = back_domain;
    return 0;
}

void block_front_ring_close(struct block_front_ring *front)
{
    if (front->shared == NULL)
        return;
    if (grant_end_access(front->ref) == 0)
        page_free(front->shared, 0);
    else
        print("block: the back end keeps the ring's page, which is given up\n");
    front->shared = NULL;
}

/* Take back the grants of the first `count` segments: 0 or -XEN_EBUSY. */
static int end_grants(const blkif_request_t *copy, unsigned int count)
{
    int result = 0;

    for (unsigned int i = 0; i < count; i++) {
        int error = grant_end_access(copy->seg[i].gref);

        if (error != 0)
            result = error;
    }
    return result;
}

static int grant_pages(const struct block_front_ring *front, const struct block_request *request,
                       blkif_request_t *copy)
{
    unsigned int left = request->count;
    char *page = request->buffer;

    for (copy->nr_segments = 0; left > 0; copy->nr_segments++, page += PAGE_SIZE) {
        struct blkif_request_segment *segment = &copy->seg[copy->nr_segments];
        unsigned int part = left < BLOCK_SECTORS_PER_PAGE ? left : BLOCK_SECTORS_PER_PAGE;
        int error = grant_access(front->back_domain, page_mfn(page),
                                 request->operation != BLOCK_READ, &segment->gref);

        if (error != 0) {
            end_grants(copy, copy->nr_segments);
            return error;
        }
        segment->first_sect = 0;
        segment->last_sect = (uint8_t)(part - 1);
        left -= part;
    }
    return 0;
}

static void put_copy(struct block_front_ring *front, const blkif_request_t *copy)
{
    *RING_GET_REQUEST(&front->ring, front->ring.req_prod_pvt) = *copy;
    front->ring.req_prod_pvt++;
}

void block_front_ring_requeue(struct block_front_ring *front)
{
    for (unsigned int i = 0; i < BLOCK_FRONT_SLOTS; i++)
        if (front->shadows[i].request != NULL)
            put_copy(front, &front->shadows[i].copy);
}

static struct block_shadow *free_shadow(struct block_front_ring *front)
{
    for (unsigned int i = 0; i < BLOCK_FRONT_SLOTS; i++)
        if (front->shadows[i].request == NULL)
            return &front->shadows[i];
    return NULL;
}

int block_front_ring_put(struct block_front_ring *front, struct block_request *request)
{
    static const uint8_t operations[] = {BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE,
                                         BLKIF_OP_WRITE_BARRIER};
    struct block_shadow *shadow = free_shadow(front);
    blkif_request_t copy = {.operation = operations[request->operation]};
    int error;

    if (shadow == NULL || RING_FULL(&front->ring))
        return -XEN_EAGAIN;
    error = grant_pages(front, request, &copy);
    if (error != 0)
        return error;
    copy.id = (uint64_t)(shadow - front->shadows);
    copy.sector_number = request->sector;
    shadow->copy = copy;
    shadow->request = request;
    put_copy(front, &copy);
    return 0;
}

bool block_front_ring_push(struct block_front_ring *front)
{
    bool notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->ring, notify);
    return notify;
}

static int finish(struct block_front_ring *front, const blkif_response_t *response)
{
    struct block_shadow *shadow;
    struct block_request *request;
    int error;

    if (response->id >= BLOCK_FRONT_SLOTS || front->shadows[response->id].request == NULL)
        return -XEN_EINVAL;
    shadow = &front->shadows[response->id];
    request = shadow->request;
    error = end_grants(&shadow->copy, shadow->copy.nr_segments);
    shadow->request = NULL;
    request->status = response->status == BLKIF_RSP_OKAY         ? 0
                      : response->status == BLKIF_RSP_EOPNOTSUPP ? -XEN_EOPNOTSUPP
                                                                 : -XEN_EIO;
    if (error != 0)
        request->status = error;
    request->finished = true;
    return 0;
}

/* Look once more after asking to be notified, so that no answer is slept over. */
int block_front_ring_take(struct block_front_ring *front)
{
    int pending;

    while ((pending = block_ring_answered(&front->ring)) != 0) {
        blkif_response_t response;
        int error;

        if (pending < 0)
            return pending;
        RING_COPY_RESPONSE(&front->ring, front->ring.rsp_cons, &response);
        barrier();
        front->ring.rsp_cons++;
        error = finish(front, &response);
        if (error != 0)
            return error;
        WRITE_ONCE(front->shared->rsp_event, front->ring.rsp_cons + 1);
        memory_barrier();
    }
    return 0;
}
