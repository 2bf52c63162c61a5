/* SPDX-License-Identifier: MIT */
#include "drivers/block/back_work.h"

#include <xen/errno.h>

#include "pvguest/control/notice.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"

static void respond(struct block_instance *instance, uint64_t id, uint8_t operation, int16_t status)
{
    blkif_response_t *response;
    bool notify;

    if (!instance->connected || instance->broken)
        return;
    response = RING_GET_RESPONSE(&instance->ring, instance->ring.rsp_prod_pvt);
    response->id = id;
    response->operation = operation;
    response->status = status;
    instance->ring.rsp_prod_pvt++;
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&instance->ring, notify);
    if (notify)
        event_notify(instance->port);
}

/* Of a flood of bad requests only the 1st, 2nd, 4th, 8th ... are worth a line. */
static void report_refusal(struct block_instance *instance, const blkif_request_t *request,
                           const char *why)
{
    instance->refused_count++;
    if ((instance->refused_count & (instance->refused_count - 1)) == 0)
        notice("block: domain %u, %s (%s): request %u at sector %llu refused: %s (%llu so far)",
               instance->domain, instance->name, instance->disk->name, request->operation,
               (unsigned long long)request->sector_number, why,
               (unsigned long long)instance->refused_count);
}

/* The device has finished with the guest's pages. */
static void work_finish(struct block_work *work, int status)
{
    struct block_instance *instance = work->instance;

    if (work->mapping.address != NULL && grant_unmap(&work->mapping) != 0)
        notice("block: domain %u, %s: pages could not be unmapped", instance->domain,
               instance->name);
    work->mapping.address = NULL;
    work->busy = false;
    instance->in_flight--;
    respond(instance, work->id, work->operation, status == 0 ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
    wait_queue_wake(&instance->finished);
    if (instance->held_back && instance->in_flight == 0) {
        instance->notified = true;
        block_instance_notified = true;
        wait_queue_wake(&block_instance_queue);
    }
}

static void work_step(struct block_work *work);

static void step_done(struct disk_request *request, int status)
{
    struct block_work *work = request->argument;

    if (status != 0 || work->step == BLOCK_STEP_FLUSH_AFTER) {
        work_finish(work, status);
        return;
    }
    work->step++;
    work_step(work);
}

static void fill_data(struct block_work *work)
{
    struct disk_request *request = &work->request;

    request->operation = work->plan.writes ? DISK_WRITE : DISK_READ;
    request->sector = work->plan.sector;
    request->segment_count = work->plan.segment_count;
    for (unsigned int i = 0; i < work->plan.segment_count; i++) {
        uint32_t offset = work->plan.segments[i].offset;

        request->segments[i] = (struct disk_segment){
            .address = (char *)work->mapping.address + i * PAGE_SIZE + offset,
            .machine_address = work->mapping.machine_addresses[i] + offset,
            .size = work->plan.segments[i].size,
        };
    }
}

/* Do the present step, or pass over it when the request has no need of it. */
static void work_step(struct block_work *work)
{
    bool needed = work->step == BLOCK_STEP_DATA ? work->plan.segment_count > 0 : work->plan.flushes;
    int error;

    /* A flush without data is one flush, not two. */
    if (work->step == BLOCK_STEP_FLUSH_AFTER && work->plan.segment_count == 0)
        needed = false;
    if (!needed) {
        step_done(&work->request, 0);
        return;
    }
    if (work->step == BLOCK_STEP_DATA)
        fill_data(work);
    else
        work->request.operation = DISK_FLUSH;
    error = disk_submit(work->instance->disk, &work->request);
    if (error != 0)
        work_finish(work, error);
}

static int map_pages(struct block_work *work)
{
    grant_ref_t refs[BLOCK_SEGMENTS_MAX];

    for (unsigned int i = 0; i < work->plan.segment_count; i++)
        refs[i] = work->plan.segments[i].ref;
    return grant_map(work->instance->domain, refs, work->plan.segment_count, work->plan.writes,
                     &work->mapping);
}

static struct block_work *free_work(struct block_instance *instance)
{
    for (unsigned int i = 0; i < BLOCK_RING_SLOTS; i++)
        if (!instance->work[i].busy)
            return &instance->work[i];
    panic("block: more requests in flight than a ring has room for");
}

void block_work_start(struct block_instance *instance, const blkif_request_t *request)
{
    struct block_work *work = free_work(instance);
    const char *why = "its pages cannot be mapped";
    int16_t status = block_request_check(request, &instance->limits, &work->plan, &why);

    work->mapping.address = NULL;
    work->instance = instance;
    if (status == BLKIF_RSP_OKAY && work->plan.segment_count > 0 && map_pages(work) != 0)
        status = BLKIF_RSP_ERROR;
    if (status != BLKIF_RSP_OKAY) {
        report_refusal(instance, request, why);
        respond(instance, request->id, request->operation, status);
        return;
    }
    work->busy = true;
    work->id = request->id;
    work->operation = request->operation;
    work->request.done = step_done;
    work->request.argument = work;
    work->step = BLOCK_STEP_FLUSH_BEFORE;
    instance->in_flight++;
    work_step(work);
}
