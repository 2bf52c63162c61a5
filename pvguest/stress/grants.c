/* SPDX-License-Identifier: MIT */
/*
 * Grants of this domain to itself: references that all map, unmap, copy by and take back, of pages
 * that all use. And frames that leave the domain and come back while others name them.
 */
#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/dma.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/print.h"
#include "pvguest/stress/stress.h"

#define GRANTS_SHARED 8
#define STAMP_WORD    511 /* of a granted page; says which it is */

static domid_t own;
static struct shared_grant {
    uint64_t *page;
    struct spinlock lock; /* one at a time takes it back and gives it again */
    grant_ref_t ref;
} shared[GRANTS_SHARED];

static void shared_give(struct shared_grant *grant)
{
    grant_ref_t ref;

    if (grant_access(own, page_mfn(grant->page), false, &ref))
        panic("stress: nothing granted");
    WRITE_ONCE(grant->ref, ref);
}

void grants_start(void)
{
    if (event_own_domain(&own))
        panic("stress: no channel to ourselves");
    for (unsigned int i = 0; i < GRANTS_SHARED; i++) {
        shared[i].page = page_allocate(0);
        if (!shared[i].page)
            panic("stress: no memory");
        shared[i].page[STAMP_WORD] = i;
        shared_give(&shared[i]);
    }
}

/* Taken back while somebody has it mapped: refused. Otherwise it comes again, maybe elsewhere. */
static void shared_renew(struct shared_grant *grant)
{
    unsigned long masked = spin_lock(&grant->lock);
    bool ended = !grant_end_access(grant->ref);

    if (ended)
        shared_give(grant);
    spin_unlock(&grant->lock, masked);
    stress_count(GRANTS, ended);
}

static bool stamp_good(const uint64_t *page)
{
    return READ_ONCE(page[STAMP_WORD]) < GRANTS_SHARED;
}

/* A reference seen a moment ago may be another's by now, but never something that is no grant. */
static void shared_map(struct worker *worker)
{
    grant_ref_t refs[2];
    struct grant_mapping mapping;

    for (unsigned int i = 0; i < 2; i++)
        refs[i] = READ_ONCE(shared[random_below(worker, GRANTS_SHARED)].ref);
    if (grant_map(own, refs, 2, random_below(worker, 2), &mapping)) {
        stress_count(GRANTS, false);
        return;
    }
    stress_count(GRANTS, true);
    if (!stamp_good(mapping.address) ||
        !stamp_good((uint64_t *)((char *)mapping.address + PAGE_SIZE)))
        stress_failed("a grant shows another page", mapping.machine_addresses[0]);
    if (grant_unmap(&mapping))
        stress_failed("a grant was not unmapped", 0);
}

void grants_step(struct worker *worker)
{
    if (random_below(worker, 4))
        shared_map(worker);
    else
        shared_renew(&shared[random_below(worker, GRANTS_SHARED)]);
}

/* From a shared grant into a page of our own. */
void copies_step(struct worker *worker)
{
    uint64_t *to = worker->private[0];
    struct gnttab_copy copy = {
        .source = {.u.ref = READ_ONCE(shared[random_below(worker, GRANTS_SHARED)].ref),
                   .domid = own,
                   .offset = STAMP_WORD * sizeof(uint64_t)},
        .dest = {.u.gmfn = page_mfn(to), .domid = DOMID_SELF, .offset = 2 * sizeof(uint64_t)},
        .len = sizeof(uint64_t),
        .flags = GNTCOPY_source_gref,
    };
    bool copied;

    to[2] = ~0UL;
    copied = !grant_copy(&copy, 1);
    stress_count(COPIES, copied);
    if (copied ? to[2] >= GRANTS_SHARED : to[2] != ~0UL)
        stress_failed("a copy brought something else", to[2]);
}

/* Two pages' frames for two others, contiguous: the old ones are gone, the new ones are clean. */
void frames_step(struct worker *worker)
{
    uint64_t machine_address, *pages;
    void *address;
    bool done = !dma_allocate(1, &address, &machine_address);

    stress_count(FRAMES, done);
    if (!done)
        return;
    pages = address;
    for (unsigned int i = 0; i < 2 * PAGE_SIZE / sizeof(*pages); i++)
        if (pages[i])
            stress_failed("a new frame is not clean", pages[i]);
    memset(pages, (int)random_below(worker, 256), 2 * PAGE_SIZE);
    dma_free(address, 1);
}

void grants_end(void)
{
    for (unsigned int i = 0; i < GRANTS_SHARED; i++)
        if (grant_end_access(shared[i].ref))
            stress_failed("a grant that nobody uses was not taken back", i);
}
