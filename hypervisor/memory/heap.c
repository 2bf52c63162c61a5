/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/heap.h"

#include <xen/errno.h>

#include "hypervisor/panic.h"
#include "hypervisor/processor/lock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"
#include "lib/string.h"

enum heap_zone { ZONE_LOW, ZONE_HIGH, ZONE_COUNT };

#define ZONE_HIGH_FIRST (1UL << (32 - PAGE_SHIFT))
/* How many blocks of one order are looked at for one that lies low enough. */
#define SEARCH_MAX 1024
#define RECENT_MAX 16

static struct spinlock heap_lock = SPINLOCK(LOCK_LEVEL_HEAP);
static uint32_t heads[ZONE_COUNT][FRAME_ORDER_MAX + 1]; /* heap_lock: free blocks by first frame */
static uint32_t orders[ZONE_COUNT]; /* heap_lock: a bit for each that has some */
static uint64_t free_count, total_count, claimed_count; /* heap_lock                             */
/* heap_lock: the last single frames that were given again, a ring; 0: none. */
static uint32_t recent[RECENT_MAX];
static unsigned recent_last;

static enum heap_zone zone_of(uint64_t number)
{
    return number < ZONE_HIGH_FIRST ? ZONE_LOW : ZONE_HIGH;
}

static void list_push(uint64_t number, unsigned order)
{
    uint32_t *head = &heads[zone_of(number)][order];
    struct frame *frame = &frame_table[number];

    frame->order = (uint8_t)order;
    frame->flags |= FRAME_FLAG_BLOCK;
    frame->previous = 0;
    frame->next = *head;
    if (*head)
        frame_table[*head].previous = (uint32_t)number;
    *head = (uint32_t)number;
    orders[zone_of(number)] |= 1u << order;
}

static void list_take(uint64_t number)
{
    struct frame *frame = &frame_table[number];
    enum heap_zone zone = zone_of(number);

    if (frame->previous)
        frame_table[frame->previous].next = frame->next;
    else
        heads[zone][frame->order] = frame->next;
    if (!heads[zone][frame->order])
        orders[zone] &= ~(1u << frame->order);
    if (frame->next)
        frame_table[frame->next].previous = frame->previous;
    frame->next = frame->previous = 0;
    frame->flags &= (uint16_t)~FRAME_FLAG_BLOCK;
}

static bool is_free_block(uint64_t number, unsigned order)
{
    const struct frame *frame = &frame_table[number];

    return number < frame_count_max() && frame->state == FRAME_STATE_FREE &&
           (frame->flags & FRAME_FLAG_BLOCK) && frame->order == order;
}

/* The later of two clock values; the clock may wrap, an error only costs a flush. */
static uint32_t later_stamp(uint32_t left, uint32_t right)
{
    return (int32_t)(left - right) > 0 ? left : right;
}

/* What two free buddies remember, as one block. */
static void merge(const struct frame *left, const struct frame *right, struct frame *whole)
{
    uint16_t unscrubbed = (left->flags | right->flags) & FRAME_FLAG_UNSCRUBBED;
    uint32_t data_of = left->type_word;

    if (!(left->flags & FRAME_FLAG_UNSCRUBBED))
        data_of = right->type_word;
    else if ((right->flags & FRAME_FLAG_UNSCRUBBED) && right->type_word != data_of)
        data_of = 0;
    whole->tlb_stamp = later_stamp(left->tlb_stamp, right->tlb_stamp);
    whole->flags = unscrubbed;
    whole->type_word = data_of;
}

/* Take the free buddies in, as long as there are some, and put the block on its list. */
static void merge_and_push(uint64_t number, unsigned order)
{
    while (order < FRAME_ORDER_MAX) {
        uint64_t buddy = number ^ (1UL << order);
        if (!is_free_block(buddy, order) || zone_of(buddy) != zone_of(number))
            break;
        list_take(buddy);
        uint64_t merged = number & ~(1UL << order);
        merge(&frame_table[number], &frame_table[buddy], &frame_table[merged]);
        number = merged;
        order++;
    }
    list_push(number, order);
}

static void give_locked(const struct heap_block *block)
{
    struct frame *frame = &frame_table[block->first.value];

    frame->state = FRAME_STATE_FREE;
    frame->flags = block->unscrubbed ? FRAME_FLAG_UNSCRUBBED : 0;
    frame->tlb_stamp = block->tlb_stamp;
    frame->type_word = block->data_of;
    free_count += 1UL << block->order;
    merge_and_push(block->first.value, block->order);
}

void heap_give_again(mfn_t number, uint32_t serial)
{
    struct frame *frame = mfn_to_frame(number);

    frame->state = FRAME_STATE_FREE;
    frame->flags = FRAME_FLAG_UNSCRUBBED;
    frame->type_word = serial;
    spin_take(&heap_lock);
    frame->tlb_stamp = tlb_clock();
    uint32_t *place = &recent[++recent_last % RECENT_MAX];
    if (*place)
        merge_and_push(*place, 0);
    *place = (uint32_t)number.value;
    free_count++;
    spin_give(&heap_lock);
}

bool heap_take_again(uint32_t serial, mfn_t *number, uint32_t *tlb_stamp)
{
    bool taken = false;

    spin_take(&heap_lock);
    uint32_t *place = &recent[recent_last % RECENT_MAX];
    const struct frame *frame = &frame_table[*place];
    if (*place && frame->type_word == serial && serial && free_count > claimed_count) {
        *number = mfn(*place);
        *tlb_stamp = frame->tlb_stamp;
        *place = 0;
        recent_last--;
        free_count--;
        taken = true;
    }
    spin_give(&heap_lock);
    return taken;
}

/* To their buddies with all of them. */
static void recent_merge(void)
{
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        if (recent[i])
            merge_and_push(recent[i], 0);
        recent[i] = 0;
    }
}

void heap_add(mfn_t start, mfn_t end)
{
    uint32_t stamp = tlb_clock();

    for (struct frame *frame = mfn_to_frame(start); frame < mfn_to_frame(end); frame++)
        frame->state = FRAME_STATE_FREE;
    spin_lock(&heap_lock);
    for (uint64_t number = start.value; number < end.value;) {
        unsigned order = 0;
        while (order < FRAME_ORDER_MAX && !(number & (1UL << order)) &&
               number + (2UL << order) <= end.value)
            order++;
        give_locked(&(struct heap_block){mfn(number), order, true, stamp, 0});
        number += 1UL << order;
        total_count += 1UL << order;
    }
    spin_unlock(&heap_lock);
}

/* First frame of a block of at least `order` that begins low enough, 0 if none. */
static uint64_t find_block(enum heap_zone zone, unsigned order, uint64_t limit)
{
    for (uint32_t larger = orders[zone] >> order << order; larger; larger &= larger - 1) {
        uint32_t number = heads[zone][__builtin_ctz(larger)];
        for (unsigned seen = 0; number && seen < SEARCH_MAX; seen++) {
            if (number + (1UL << order) <= limit)
                return number;
            number = frame_table[number].next;
        }
    }
    return 0;
}

/*
 * Cut a block of `order` off one that is larger: from its lower end when there is a limit, else
 * from the upper one, to leave the low frames for those who need them.
 */
static uint64_t split(uint64_t number, unsigned order, bool from_below)
{
    const struct frame whole = frame_table[number];

    list_take(number);
    for (unsigned larger = whole.order; larger > order;) {
        larger--;
        uint64_t upper = number + (1UL << larger), rest = from_below ? upper : number;
        merge(&whole, &whole, &frame_table[rest]);
        list_push(rest, larger);
        if (!from_below)
            number = upper;
    }
    merge(&whole, &whole, &frame_table[number]);
    return number;
}

/* The high zone first. */
static uint64_t find_anywhere(unsigned order, uint64_t limit)
{
    uint64_t number = 0;

    if (limit > ZONE_HIGH_FIRST)
        number = find_block(ZONE_HIGH, order, limit);
    return number ? number : find_block(ZONE_LOW, order, limit);
}

static bool take_locked(unsigned order, unsigned address_bits, struct heap_block *block)
{
    bool limited = address_bits != 0 && address_bits < 52;
    uint64_t limit = limited ? (1UL << address_bits) >> PAGE_SHIFT : ~0UL;

    if (order > FRAME_ORDER_MAX)
        return false;
    uint64_t number = find_anywhere(order, limit);
    if (!number) {
        recent_merge();
        number = find_anywhere(order, limit);
    }
    if (!number)
        return false;
    number = split(number, order, limited);
    struct frame *frame = &frame_table[number];
    *block = (struct heap_block){mfn(number), order, frame->flags & FRAME_FLAG_UNSCRUBBED,
                                 frame->tlb_stamp, frame->type_word};
    frame->flags = 0;
    frame->type_word = 0;
    frame->state = FRAME_STATE_HYPERVISOR;
    free_count -= 1UL << order;
    return true;
}

bool heap_take(unsigned order, unsigned address_bits, struct heap_block *block)
{
    spin_lock(&heap_lock);
    bool taken = take_locked(order, address_bits, block);
    spin_unlock(&heap_lock);
    return taken;
}

bool heap_take_unclaimed(unsigned order, unsigned address_bits, struct heap_block *block)
{
    bool taken = false;

    spin_lock(&heap_lock);
    if (order <= FRAME_ORDER_MAX && free_count >= claimed_count + (1UL << order))
        taken = take_locked(order, address_bits, block);
    spin_unlock(&heap_lock);
    return taken;
}

void heap_give(const struct heap_block *block)
{
    spin_lock(&heap_lock);
    give_locked(block);
    spin_unlock(&heap_lock);
}

void heap_clean(const struct heap_block *block, bool may_preempt, uint32_t serial)
{
    /* No domain: the block may be in the translations of any former owner or mapper. */
    tlb_flush_stale(NULL, block->tlb_stamp);
    if (!block->unscrubbed || (serial && block->data_of == serial))
        return;
    for (uint64_t i = 0; i < 1UL << block->order; i++) {
        memset(mfn_to_virtual(mfn(block->first.value + i)), 0, PAGE_SIZE);
        if (may_preempt && i % 16 == 15)
            preempt_point();
    }
}

uint64_t heap_free_count(void)
{
    return __atomic_load_n(&free_count, __ATOMIC_RELAXED);
}

uint64_t heap_total_count(void)
{
    return __atomic_load_n(&total_count, __ATOMIC_RELAXED);
}

uint64_t heap_claimed_count(void)
{
    return __atomic_load_n(&claimed_count, __ATOMIC_RELAXED);
}

int heap_claim(uint64_t *claimed, uint64_t wanted)
{
    int rc = -XEN_ENOMEM;

    spin_lock(&heap_lock);
    uint64_t others = claimed_count - *claimed;
    if (wanted <= free_count && others <= free_count - wanted) {
        claimed_count = others + wanted;
        *claimed = wanted;
        rc = 0;
    }
    spin_unlock(&heap_lock);
    return rc;
}

void heap_claim_use(uint64_t *claimed, uint64_t count)
{
    spin_lock(&heap_lock);
    if (count > *claimed)
        count = *claimed;
    *claimed -= count;
    claimed_count -= count;
    spin_unlock(&heap_lock);
}
