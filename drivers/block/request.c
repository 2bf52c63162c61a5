/* SPDX-License-Identifier: MIT */
#include "drivers/block/request.h"

#include <stddef.h>

#include <xen/errno.h>

static int16_t refuse(int16_t status, const char *reason, const char **why)
{
    *why = reason;
    return status;
}

/* The data's place: pages, sectors within them, sectors of the disk. */
static int16_t check_segments(const blkif_request_t *request, const struct block_limits *limits,
                              struct block_plan *plan, const char **why)
{
    uint64_t count = 0;

    for (unsigned int i = 0; i < request->nr_segments; i++) {
        const struct blkif_request_segment *segment = &request->seg[i];

        if (segment->first_sect > segment->last_sect ||
            segment->last_sect >= BLOCK_SECTORS_PER_PAGE)
            return refuse(BLKIF_RSP_ERROR, "a segment leaves its page", why);
        plan->segments[i].ref = segment->gref;
        plan->segments[i].offset = segment->first_sect * (uint32_t)BLOCK_SECTOR_SIZE;
        plan->segments[i].size =
            (segment->last_sect - segment->first_sect + 1u) * (uint32_t)BLOCK_SECTOR_SIZE;
        count += segment->last_sect - segment->first_sect + 1u;
    }
    if (request->sector_number > limits->sectors ||
        count > limits->sectors - request->sector_number)
        return refuse(BLKIF_RSP_ERROR, "outside the disk", why);
    plan->segment_count = request->nr_segments;
    plan->sector = request->sector_number;
    return BLKIF_RSP_OKAY;
}

int16_t block_request_check(const blkif_request_t *request, const struct block_limits *limits,
                            struct block_plan *plan, const char **why)
{
    *plan = (struct block_plan){.writes = false};
    switch (request->operation) {
    case BLKIF_OP_READ:
        break;
    case BLKIF_OP_WRITE:
        plan->writes = true;
        break;
    case BLKIF_OP_WRITE_BARRIER:
        plan->writes = plan->flushes = plan->barrier = true;
        break;
    case BLKIF_OP_FLUSH_DISKCACHE:
        plan->writes = plan->flushes = true;
        break;
    case BLKIF_OP_DISCARD:
    case BLKIF_OP_INDIRECT:
        return refuse(BLKIF_RSP_EOPNOTSUPP, "operation that was not offered", why);
    default:
        return refuse(BLKIF_RSP_ERROR, "unknown operation", why);
    }
    if (request->nr_segments > BLOCK_SEGMENTS_MAX)
        return refuse(BLKIF_RSP_ERROR, "too many segments", why);
    if (request->nr_segments == 0 && !plan->flushes)
        return refuse(BLKIF_RSP_ERROR, "no segments", why);
    if (plan->writes && request->nr_segments > 0 && limits->readonly)
        return refuse(BLKIF_RSP_ERROR, "the disk is read-only", why);
    if (request->nr_segments == 0)
        return BLKIF_RSP_OKAY;
    return check_segments(request, limits, plan, why);
}

int block_ring_pending(const blkif_back_ring_t *ring)
{
    RING_IDX produced = READ_ONCE(ring->sring->req_prod);

    read_barrier();
    if (RING_REQUEST_PROD_OVERFLOW(ring, produced) || produced - ring->req_cons > RING_SIZE(ring))
        return -XEN_EINVAL;
    return (int)(produced - ring->req_cons);
}

int block_ring_answered(const blkif_front_ring_t *ring)
{
    RING_IDX produced = READ_ONCE(ring->sring->rsp_prod);

    read_barrier();
    if (produced - ring->rsp_cons > ring->req_prod_pvt - ring->rsp_cons)
        return -XEN_EINVAL;
    return (int)(produced - ring->rsp_cons);
}
