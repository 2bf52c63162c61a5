/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/type.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/descriptor_frame.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/tlb.h"

enum transition {
    NO = 0,    /* nobody asks for this                                               */
    TAKE = 1,  /* the contents do not matter                                         */
    CHECK = 2, /* every entry must be allowed, and what it names is referenced       */
    FLUSH = 4, /* first drop translations made while it had the former type          */
    F_TAKE = FLUSH | TAKE,
    F_CHECK = FLUSH | CHECK,
};

/*
 * What must be done when a frame of the row's type, with count zero, is wanted as the column's
 * type. With a count above zero it is to be had as its own type only. The type of the last use is
 * kept when a count falls to zero, so that a frame that is mapped writable again and again, or a
 * table that is linked again, costs no flush; a new frame has been flushed by the allocator.
 */
/* clang-format off */
static const uint8_t transitions[FRAME_TYPE_COUNT][FRAME_TYPE_COUNT] = {
    /* to:                     none writable L1       L2       L3       L4       descriptor */
    [FRAME_TYPE_NONE]       = {NO, TAKE,     CHECK,   CHECK,   CHECK,   CHECK,   CHECK},
    [FRAME_TYPE_WRITABLE]   = {NO, TAKE,     F_CHECK, F_CHECK, F_CHECK, F_CHECK, F_CHECK},
    [FRAME_TYPE_L1]         = {NO, F_TAKE,   CHECK,   F_CHECK, F_CHECK, F_CHECK, F_CHECK},
    [FRAME_TYPE_L2]         = {NO, F_TAKE,   F_CHECK, CHECK,   F_CHECK, F_CHECK, F_CHECK},
    [FRAME_TYPE_L3]         = {NO, F_TAKE,   F_CHECK, F_CHECK, CHECK,   F_CHECK, F_CHECK},
    [FRAME_TYPE_L4]         = {NO, F_TAKE,   F_CHECK, F_CHECK, F_CHECK, CHECK,   F_CHECK},
    [FRAME_TYPE_DESCRIPTOR] = {NO, F_TAKE,   F_CHECK, F_CHECK, F_CHECK, F_CHECK, CHECK},
};
/* clang-format on */

static enum frame_type word_type(uint32_t word)
{
    return (word & TYPE_WORD_TYPE) >> TYPE_WORD_TYPE_SHIFT;
}

static uint32_t word_of(enum frame_type type, uint32_t count)
{
    return (uint32_t)type << TYPE_WORD_TYPE_SHIFT | count;
}

static uint32_t word_load(const struct frame *frame)
{
    return __atomic_load_n(&frame->type_word, __ATOMIC_ACQUIRE);
}

static void word_store(struct frame *frame, uint32_t word)
{
    __atomic_store_n(&frame->type_word, word, __ATOMIC_RELEASE);
}

static bool word_exchange(struct frame *frame, uint32_t old, uint32_t new)
{
    return __atomic_compare_exchange_n(&frame->type_word, &old, new, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

enum frame_type frame_type_of(const struct frame *frame)
{
    uint32_t word = word_load(frame);

    return word & TYPE_WORD_COUNT ? word_type(word) : FRAME_TYPE_NONE;
}

bool frame_is_pinned(const struct frame *frame)
{
    return word_load(frame) & TYPE_WORD_PINNED;
}

/* Translations of the former type may be in the TLBs of whoever mapped the frame. */
static void flush_former_type(struct frame *frame)
{
    bool foreign =
        __atomic_fetch_and(&frame->flags, (uint16_t)~FRAME_FLAG_FOREIGN, __ATOMIC_SEQ_CST) &
        FRAME_FLAG_FOREIGN;

    tlb_flush_stale(foreign ? NULL : frame->owner, frame->tlb_stamp);
}

static int contents_check(struct frame *frame, enum frame_type type)
{
    if (type == FRAME_TYPE_DESCRIPTOR)
        return descriptor_frame_validate(frame);
    return table_validate(frame, type);
}

/* The caller made the frame its own; give it the type, or leave it with count zero. */
static __attribute__((noinline)) int type_begin(struct frame *frame, enum frame_type type,
                                                unsigned action)
{
    int rc = 0;

    if (action & FLUSH)
        flush_former_type(frame);
    if (action & CHECK)
        rc = contents_check(frame, type);
    word_store(frame, rc ? word_of(type, 0) : word_of(type, 1) | TYPE_WORD_VALIDATED);
    return rc;
}

static __attribute__((cold)) int refuse_type(const struct frame *frame, uint32_t word,
                                             enum frame_type type)
{
    printk_refusal("frame %#lx has type %u, not %u\n", frame_to_mfn(frame).value, word_type(word),
                   type);
    return -XEN_EINVAL;
}

/* One more of the type that the frame has: what nearly every call is about. */
static bool count_one_more(struct frame *frame, enum frame_type type)
{
    uint32_t word = word_load(frame), count = word & TYPE_WORD_COUNT;

    return (word & (TYPE_WORD_TYPE | TYPE_WORD_VALIDATED)) ==
               (word_of(type, 0) | TYPE_WORD_VALIDATED) &&
           count != 0 && count != TYPE_WORD_COUNT && word_exchange(frame, word, word + 1);
}

/* One less, of several. */
static bool count_one_less(struct frame *frame)
{
    uint32_t word = word_load(frame);

    return (word & TYPE_WORD_COUNT) > 1 && (word & TYPE_WORD_VALIDATED) &&
           word_exchange(frame, word, word - 1);
}

static __attribute__((noinline)) int type_get(struct frame *frame, enum frame_type type)
{
    for (;;) {
        uint32_t word = word_load(frame);
        if ((word & TYPE_WORD_COUNT) == 0) {
            unsigned action = transitions[word_type(word)][type];
            if (action == TAKE) {
                if (word_exchange(frame, word, word_of(type, 1) | TYPE_WORD_VALIDATED))
                    return 0;
            } else if (word_exchange(frame, word, word_of(type, 1))) {
                return type_begin(frame, type, action);
            }
        } else if (word_type(word) != type) {
            return refuse_type(frame, word, type);
        } else if (!(word & TYPE_WORD_VALIDATED)) {
            /* Another processor is about to finish with it; it may be waiting for our TLB. */
            tlb_answer();
            cpu_relax();
        } else if ((word & TYPE_WORD_COUNT) == TYPE_WORD_COUNT) {
            return -XEN_EBUSY;
        } else if (word_exchange(frame, word, word + 1)) {
            return 0;
        }
    }
}

int frame_type_get(struct frame *frame, enum frame_type type)
{
    ASSERT(!frame_type_is_table(type) || mutex_held(&frame->owner->mmu_lock));
    return count_one_more(frame, type) ? 0 : type_get(frame, type);
}

/* The last type reference went and nobody else can get one: undo what the type stood for. */
static void type_end(struct frame *frame, enum frame_type type)
{
    if (frame_type_is_table(type))
        table_invalidate(frame, type);
    frame->tlb_stamp = tlb_clock();
    word_store(frame, word_of(type, 0));
}

static __attribute__((noinline)) void type_put(struct frame *frame)
{
    for (;;) {
        uint32_t word = word_load(frame);
        enum frame_type type = word_type(word);
        ASSERT((word & TYPE_WORD_COUNT) != 0 && (word & TYPE_WORD_VALIDATED));
        if ((word & TYPE_WORD_COUNT) != 1) {
            if (word_exchange(frame, word, word - 1))
                return;
        } else {
            ASSERT(!(word & TYPE_WORD_PINNED));
            ASSERT(!frame_type_is_table(type) || mutex_held(&frame->owner->mmu_lock));
            if (word_exchange(frame, word, word_of(type, 1))) {
                type_end(frame, type);
                return;
            }
        }
    }
}

void frame_type_put(struct frame *frame)
{
    if (!count_one_less(frame))
        type_put(frame);
}

int frame_get_typed(struct frame *frame, struct domain *owner, enum frame_type type)
{
    if (type == FRAME_TYPE_WRITABLE && frame_get_writable_again(frame, owner))
        return 0;
    if (!frame_get(frame, owner))
        return -XEN_EINVAL;
    int rc = frame_type_get(frame, type);
    if (rc)
        frame_put(frame);
    return rc;
}

void frame_put_typed(struct frame *frame)
{
    if (frame_put_writable_again(frame))
        return;
    frame_type_put(frame);
    frame_put(frame);
}

int frame_pin(struct frame *frame, struct domain *owner, enum frame_type type)
{
    int rc = frame_get_typed(frame, owner, type);

    if (rc)
        return rc;
    if (!(frame->flags & FRAME_FLAG_ALLOCATED)) {
        frame_put_typed(frame);
        return -XEN_EINVAL;
    }
    uint32_t before = __atomic_fetch_or(&frame->type_word, TYPE_WORD_PINNED, __ATOMIC_SEQ_CST);
    if (before & TYPE_WORD_PINNED) {
        frame_put_typed(frame);
        return -XEN_EINVAL;
    }
    return 0;
}

int frame_unpin(struct frame *frame)
{
    uint32_t before = __atomic_fetch_and(&frame->type_word, ~TYPE_WORD_PINNED, __ATOMIC_SEQ_CST);

    if (!(before & TYPE_WORD_PINNED))
        return -XEN_EINVAL;
    frame_put_typed(frame);
    return 0;
}
