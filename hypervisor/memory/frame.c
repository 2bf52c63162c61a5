/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/frame.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"
#include "lib/string.h"

uint64_t frame_table_size;

bool mfn_is_ram(mfn_t frame)
{
    return frame.value < frame_count_max() &&
           frame_table[frame.value].state != FRAME_STATE_UNUSABLE;
}

struct frame *mfn_to_frame(mfn_t frame)
{
    return &frame_table[frame.value];
}

void frame_add_range(mfn_t start, mfn_t end)
{
    /* Frame 0 is the end mark of the lists. */
    if (start.value == 0)
        start.value = 1;
    if (start.value >= end.value)
        return;
    frame_set_end(end);
    heap_add(start, end);
}

void frame_set_end(mfn_t end)
{
    if (end.value > frame_count_max())
        frame_table_size = end.value * sizeof(struct frame);
}

uint64_t frame_free_count(void)
{
    return heap_free_count();
}

uint64_t frame_total_count(void)
{
    return heap_total_count();
}

static void flags_set(struct frame *frame, uint16_t bits)
{
    __atomic_or_fetch(&frame->flags, bits, __ATOMIC_SEQ_CST);
}

static bool flags_test_and_clear(struct frame *frame, uint16_t bits)
{
    return __atomic_fetch_and(&frame->flags, (uint16_t)~bits, __ATOMIC_SEQ_CST) & bits;
}

void *frame_allocate_hypervisor(unsigned order)
{
    struct heap_block block;

    if (!heap_take(order, 0, &block))
        return NULL;
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct frame *frame = &frame_table[block.first.value + i];
        *frame = (struct frame){.state = FRAME_STATE_HYPERVISOR};
    }
    heap_clean(&block, false, 0);
    return mfn_to_virtual(block.first);
}

void frame_free_hypervisor(void *address, unsigned order)
{
    struct heap_block block = {virtual_to_mfn(address), order, true, tlb_clock(), 0};

    for (uint64_t i = 0; i < 1UL << order; i++) {
        ASSERT(frame_table[block.first.value + i].state == FRAME_STATE_HYPERVISOR);
        frame_table[block.first.value + i].state = FRAME_STATE_FREE;
    }
    heap_give(&block);
}

/* A domain stays as long as it has frames. Called without its frame_lock. */
static void domain_keep_for_frames(struct domain *domain, bool first)
{
    if (first)
        domain_get(domain);
}

static bool has_no_frames(const struct domain *domain)
{
    return domain->frame_count + domain->outstanding_frames + domain->shared_frame_count == 0;
}

static void list_push(struct domain *domain, struct frame *frame)
{
    uint32_t number = (uint32_t)(frame - frame_table);

    frame->previous = 0;
    frame->next = domain->frames_first;
    if (frame->next)
        frame_table[frame->next].previous = number;
    domain->frames_first = number;
}

static void list_take(struct domain *domain, struct frame *frame)
{
    if (frame->previous)
        frame_table[frame->previous].next = frame->next;
    else
        domain->frames_first = frame->next;
    if (frame->next)
        frame_table[frame->next].previous = frame->previous;
    frame->next = frame->previous = 0;
}

/*
 * The frame's words for a new owner; the reference count comes last, it makes the frame visible. If
 * it is put on the domain's list, the lock is held until it is there, for it can be released now.
 */
static void frame_begin(struct frame *frame, struct domain *owner, enum frame_state state,
                        uint16_t flags, uint32_t type_word, uint32_t tlb_stamp)
{
    frame->owner = owner;
    frame->next = frame->previous = 0;
    frame->type_word = type_word;
    frame->tlb_stamp = tlb_stamp;
    frame->state = (uint8_t)state;
    frame->flags = FRAME_FLAG_ALLOCATED | flags;
    m2p_set(frame_to_mfn(frame), M2P_INVALID);
    __atomic_store_n(&frame->reference_count, 1, __ATOMIC_RELEASE);
}

/* Reserve `count` frames of the domain's limit: 0, -XEN_EINVAL, -XEN_ENOMEM. */
static int charge_locked(struct domain *domain, uint64_t count)
{
    uint64_t used = domain->frame_count + domain->outstanding_frames;

    /* Read under the lock: who has made it dying and taken the lock sees all that came before. */
    if (READ_ONCE(domain->life) != DOMAIN_ALIVE)
        return -XEN_EINVAL;
    if (count > domain->frame_max || used > domain->frame_max - count)
        return -XEN_ENOMEM;
    domain->frame_count += count;
    return 0;
}

static int charge(struct domain *domain, uint64_t count)
{
    spin_lock(&domain->frame_lock);
    bool first = has_no_frames(domain);
    int rc = charge_locked(domain, count);
    spin_unlock(&domain->frame_lock);
    if (rc == 0)
        domain_keep_for_frames(domain, first);
    return rc;
}

static void uncharge(struct domain *domain, uint64_t count)
{
    spin_lock(&domain->frame_lock);
    domain->frame_count -= count;
    bool last = has_no_frames(domain);
    spin_unlock(&domain->frame_lock);
    if (last)
        domain_put(domain);
}

static int allocate(struct domain *domain, unsigned order, unsigned address_bits, bool clean,
                    mfn_t *first)
{
    struct heap_block block;

    if (order > FRAME_ORDER_MAX)
        return -XEN_ENOMEM;
    int rc = charge(domain, 1UL << order);
    if (rc)
        return rc;
    bool claimed = domain->claimed_frames >= 1UL << order;
    bool taken = claimed ? heap_take(order, address_bits, &block)
                         : heap_take_unclaimed(order, address_bits, &block);
    if (!taken) {
        uncharge(domain, 1UL << order);
        return -XEN_ENOMEM;
    }
    if (domain->claimed_frames)
        heap_claim_use(&domain->claimed_frames, 1UL << order);
    if (clean)
        heap_clean(&block, true, domain->serial);
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct frame *frame = &frame_table[block.first.value + i];
        spin_lock(&domain->frame_lock);
        frame_begin(frame, domain, FRAME_STATE_DOMAIN, 0, 0, tlb_clock());
        list_push(domain, frame);
        spin_unlock(&domain->frame_lock);
        if (i % 64 == 63)
            preempt_point();
    }
    *first = block.first;
    return 0;
}

/*
 * A frame that was the domain's own just before. As nobody flushed, it begins as one that was
 * mapped writable, by whomever: it is flushed when it becomes a table.
 */
static bool allocate_again(struct domain *domain, mfn_t *number)
{
    uint32_t stamp;

    spin_take(&domain->frame_lock);
    bool first = has_no_frames(domain);
    bool taken = charge_locked(domain, 1) == 0;
    if (taken && !heap_take_again(domain->serial, number, &stamp)) {
        domain->frame_count--;
        taken = false;
    }
    if (taken) {
        struct frame *frame = mfn_to_frame(*number);
        frame_begin(frame, domain, FRAME_STATE_DOMAIN, FRAME_FLAG_FOREIGN, TYPE_WORD_WAS_WRITABLE,
                    stamp);
        list_push(domain, frame);
    }
    spin_give(&domain->frame_lock);
    if (taken)
        domain_keep_for_frames(domain, first);
    return taken;
}

int frame_allocate_domain(struct domain *domain, unsigned order, unsigned address_bits,
                          mfn_t *first)
{
    if (order == 0 && address_bits == 0 && !domain->claimed_frames && allocate_again(domain, first))
        return 0;
    return allocate(domain, order, address_bits, true, first);
}

int frame_allocate_first_domain(struct domain *domain, unsigned order, mfn_t *first)
{
    return allocate(domain, order, 0, false, first);
}

int frame_allocate_shared(struct domain *domain, mfn_t *result)
{
    struct heap_block block;

    if (!heap_take(0, 0, &block))
        return -XEN_ENOMEM;
    heap_clean(&block, false, 0);
    spin_lock(&domain->frame_lock);
    bool first = has_no_frames(domain);
    domain->shared_frame_count++;
    spin_unlock(&domain->frame_lock);
    domain_keep_for_frames(domain, first);
    frame_begin(mfn_to_frame(block.first), domain, FRAME_STATE_SHARED, 0, TYPE_WORD_SHARED,
                tlb_clock());
    *result = block.first;
    return 0;
}

/* The flag is cleared already. */
static void release(struct frame *frame)
{
    struct domain *domain = frame->owner;

    if (frame->state == FRAME_STATE_DOMAIN) {
        spin_lock(&domain->frame_lock);
        list_take(domain, frame);
        domain->frame_count--;
        domain->outstanding_frames++;
        spin_unlock(&domain->frame_lock);
    }
    frame_put(frame);
}

bool frame_release(struct frame *frame)
{
    if (!flags_test_and_clear(frame, FRAME_FLAG_ALLOCATED))
        return false;
    release(frame);
    return true;
}

struct domain *frame_get_owner(struct frame *frame)
{
    uint32_t count = __atomic_load_n(&frame->reference_count, __ATOMIC_RELAXED);

    do {
        if (count == 0 || count >= FRAME_REFERENCES_MAX)
            return NULL;
    } while (!__atomic_compare_exchange_n(&frame->reference_count, &count, count + 1, true,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return frame->owner;
}

bool frame_get_rare(struct frame *frame, struct domain *domain)
{
    struct domain *owner = frame_get_owner(frame);
    if (!owner)
        return false;
    if (owner == domain)
        return true;
    frame_put(frame);
    return false;
}

struct frame *frame_get_by_mfn(mfn_t number, struct domain *domain)
{
    if (!mfn_is_ram(number))
        return NULL;
    struct frame *frame = mfn_to_frame(number);
    return frame_get(frame, domain) ? frame : NULL;
}

/* The words of a frame that nobody refers to any more. */
static void frame_end(struct frame *frame)
{
    frame->owner = NULL;
    frame->type_word = 0;
    frame->flags = 0;
    frame->state = FRAME_STATE_HYPERVISOR;
}

static void give_back(struct frame *frame, uint32_t data_of)
{
    struct heap_block block = {frame_to_mfn(frame), 0, true, tlb_clock(), data_of};

    frame_end(frame);
    m2p_set(block.first, M2P_INVALID);
    heap_give(&block);
}

/* Nobody refers to the frame any more but its domain's list. */
static void list_leave(struct frame *frame, struct domain *domain)
{
    spin_take(&domain->frame_lock);
    list_take(domain, frame);
    domain->frame_count--;
    bool last = has_no_frames(domain);
    spin_give(&domain->frame_lock);
    frame_end(frame);
    m2p_set(frame_to_mfn(frame), M2P_INVALID);
    heap_give_again(frame_to_mfn(frame), domain->serial);
    if (last)
        domain_put(domain);
}

bool frame_release_and_put(struct frame *frame)
{
    if (!flags_test_and_clear(frame, FRAME_FLAG_ALLOCATED))
        return false;
    uint64_t counts = __atomic_load_n(frame_counts(frame), __ATOMIC_ACQUIRE);
    /* Those two references are all that there are, and none of a type. */
    if (frame->state == FRAME_STATE_DOMAIN && (uint32_t)counts == 2 &&
        !(counts >> 32 & TYPE_WORD_COUNT) && frame_counts_exchange(frame, counts, counts - 2)) {
        list_leave(frame, frame->owner);
    } else {
        release(frame);
        frame_put(frame);
    }
    return true;
}

void frame_discard(struct frame *frame)
{
    ASSERT(frame->reference_count == 0 && frame->owner == NULL);
    give_back(frame, 0);
}

/* The last reference went: the frame is free. */
static __attribute__((noinline)) void frame_last_put(struct frame *frame)
{
    struct domain *domain = frame->owner;
    bool shared = frame->state == FRAME_STATE_SHARED;
    ASSERT(domain && !(frame->flags & FRAME_FLAG_ALLOCATED));
    ASSERT((frame->type_word & TYPE_WORD_COUNT) == shared);
    /* What the hypervisor shared with it is not its own. */
    give_back(frame, shared ? 0 : domain->serial);
    spin_lock(&domain->frame_lock);
    if (shared)
        domain->shared_frame_count--;
    else
        domain->outstanding_frames--;
    bool last = has_no_frames(domain);
    spin_unlock(&domain->frame_lock);
    if (last)
        domain_put(domain);
}

void frame_put_rare(struct frame *frame, uint32_t before)
{
    ASSERT(before != 0);
    frame_last_put(frame);
}

void frame_mark_foreign(struct frame *frame)
{
    if (!(frame->flags & FRAME_FLAG_FOREIGN))
        flags_set(frame, FRAME_FLAG_FOREIGN);
}

int frame_steal(struct frame *frame, struct domain *domain)
{
    uint32_t expected = 2;

    if (frame->owner != domain || frame->state != FRAME_STATE_DOMAIN ||
        !flags_test_and_clear(frame, FRAME_FLAG_ALLOCATED))
        return -XEN_EINVAL;
    if ((frame->type_word & TYPE_WORD_COUNT) ||
        !__atomic_compare_exchange_n(&frame->reference_count, &expected, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        flags_set(frame, FRAME_FLAG_ALLOCATED);
        return -XEN_EINVAL;
    }
    spin_lock(&domain->frame_lock);
    list_take(domain, frame);
    spin_unlock(&domain->frame_lock);
    frame_end(frame);
    uncharge(domain, 1);
    return 0;
}

int frame_assign(struct frame *frame, struct domain *domain)
{
    ASSERT(frame->reference_count == 0 && frame->owner == NULL);
    int rc = charge(domain, 1);
    if (rc)
        return rc;
    /* Whoever had it may still have it in a TLB. */
    tlb_flush_stale(NULL, tlb_clock());
    spin_lock(&domain->frame_lock);
    frame_begin(frame, domain, FRAME_STATE_DOMAIN, 0, 0, tlb_clock());
    list_push(domain, frame);
    spin_unlock(&domain->frame_lock);
    return 0;
}

struct frame *frame_list_get(struct domain *domain)
{
    struct frame *frame = NULL;

    spin_lock(&domain->frame_lock);
    if (domain->frames_first) {
        frame = &frame_table[domain->frames_first];
        /* On the list, it has at least the reference of its owner. */
        if (!frame_get_owner(frame))
            frame = NULL;
    }
    spin_unlock(&domain->frame_lock);
    return frame;
}
