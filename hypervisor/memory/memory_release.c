/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/memory_release.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/memory/memory_map.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

#define FRAMES_PER_PREEMPT_POINT 32

/* From here on no frame is added, by whomever. */
static void forbid_growth(struct domain *domain)
{
    spin_lock(&domain->frame_lock);
    domain->frame_max = 0;
    spin_unlock(&domain->frame_lock);
    heap_claim_use(&domain->claimed_frames, domain->claimed_frames);
    /* A pin that began before the domain's end is done once its lock has been ours. */
    mutex_lock(&domain->mmu_lock);
    mutex_unlock(&domain->mmu_lock);
}

static void release(struct domain *domain, struct frame *frame)
{
    if (frame_is_pinned(frame)) {
        mutex_lock(&domain->mmu_lock);
        frame_unpin(frame);
        mutex_unlock(&domain->mmu_lock);
    }
    frame_release(frame);
    frame_put(frame);
}

void memory_release_domain(struct domain *domain)
{
    struct frame *frame;
    unsigned count = 0;

    forbid_growth(domain);
    /* An allocation that began before may still be putting its frames on the list. */
    while (READ_ONCE(domain->frame_count) != 0) {
        while ((frame = frame_list_get(domain)) != NULL) {
            release(domain, frame);
            if (++count % FRAMES_PER_PREEMPT_POINT == 0)
                preempt_point();
        }
        preempt_point();
    }
    memory_map_free(domain);
}
