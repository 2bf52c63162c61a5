/* SPDX-License-Identifier: MIT */
/* The frame allocator and ownership: buddies, limits, scrubbing, references, release, stealing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/type.h"
#include "machine.h"

static int set_up(void **state)
{
    (void)state;
    machine_reset();
    return 0;
}

static void test_buddies_merge_again(void **state)
{
    (void)state;
    struct heap_block blocks[256];
    uint64_t before = frame_free_count();

    assert_int_equal(before, MACHINE_FRAMES - 1);
    for (unsigned i = 0; i < 256; i++) {
        assert_true(heap_take(i % 2, 0, &blocks[i]));
        assert_int_equal(blocks[i].first.value & ((1u << blocks[i].order) - 1), 0);
        for (unsigned j = 0; j < i; j++)
            assert_true(blocks[j].first.value + (1u << blocks[j].order) <= blocks[i].first.value ||
                        blocks[i].first.value + (1u << blocks[i].order) <= blocks[j].first.value);
    }
    for (unsigned i = 0; i < 256; i++)
        heap_give(&blocks[(i * 77) % 256]);
    assert_int_equal(frame_free_count(), before);
    /* Frame 0 is not there, so that the largest whole block is the upper half. */
    assert_true(heap_take(9, 0, &blocks[0]));
    assert_int_equal(blocks[0].first.value, MACHINE_FRAMES / 2);
    assert_true(heap_take(8, 0, &blocks[1]));
    assert_false(heap_take(9, 0, &blocks[2]));
    assert_false(heap_take(FRAME_ORDER_MAX + 1, 0, &blocks[2]));
    heap_give(&blocks[0]);
    heap_give(&blocks[1]);
}

static void test_address_limit(void **state)
{
    (void)state;
    struct heap_block block;

    assert_true(heap_take(0, 14, &block));
    assert_true(block.first.value < 4);
    heap_give(&block);
    for (unsigned taken = 0; taken < 3; taken++)
        assert_true(heap_take(0, 14, &block));
    assert_false(heap_take(0, 14, &block));
    assert_true(heap_take(0, 15, &block));
    assert_true(heap_take(0, 0, &block));
}

static void test_memory_of_others_is_scrubbed(void **state)
{
    (void)state;
    struct frame *frame = machine_frame(&domains[0]);
    uint64_t number = frame_to_mfn(frame).value;

    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(machine_entries(frame)[i], 0);
    memset(machine_entries(frame), 0x77, PAGE_SIZE);
    flushes = flushes_everywhere = 0;
    assert_true(frame_release(frame));
    struct frame *again = machine_frame(&domains[1]);
    assert_int_equal(frame_to_mfn(again).value, number);
    /* The first owner's translations are gone from every processor before the frame is used. */
    assert_int_equal(flushes_everywhere, 1);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(machine_entries(again)[i], 0);
    assert_int_equal(m2p_get(mfn(number)), M2P_INVALID);
}

static bool is_scrubbed(const struct frame *frame)
{
    for (unsigned i = 0; i < 512; i++)
        if (machine_entries(frame)[i])
            return false;
    return true;
}

/* One's own data may come back, alone or in a larger block; never with a block that is partly
 * another's, and not to a domain whose number is not known to be unique. */
static void test_own_memory_is_not_scrubbed(void **state)
{
    (void)state;
    mfn_t pair;

    domains[0].serial = 1;
    domains[1].serial = 2;
    for (unsigned second = 0; second < 2; second++) {
        assert_int_equal(frame_allocate_domain(&domains[0], 1, 0, &pair), 0);
        struct frame *frames = mfn_to_frame(pair);
        memset(machine_entries(&frames[0]), 0x77, 2 * PAGE_SIZE);
        assert_true(frame_release(&frames[1]));
        if (second) {
            assert_ptr_equal(machine_frame(&domains[1]), &frames[1]);
            assert_true(is_scrubbed(&frames[1]));
            memset(machine_entries(&frames[1]), 0x66, PAGE_SIZE);
            assert_true(frame_release(&frames[1]));
        }
        assert_true(frame_release(&frames[0]));
        mfn_t again;
        assert_int_equal(frame_allocate_domain(&domains[0], 1, 0, &again), 0);
        assert_int_equal(again.value, pair.value);
        assert_int_equal(is_scrubbed(&frames[0]), second);
        assert_int_equal(is_scrubbed(&frames[1]), second);
        memset(machine_entries(&frames[0]), 0x77, 2 * PAGE_SIZE);
        assert_true(frame_release(&frames[0]));
        assert_true(frame_release(&frames[1]));
        assert_int_equal(frame_allocate_domain(&domains[1], 1, 0, &again), 0);
        assert_true(is_scrubbed(&frames[0]) && is_scrubbed(&frames[1]));
        assert_true(frame_release(&frames[0]) && frame_release(&frames[1]));
    }
    domains[0].serial = 0;
    struct frame *frame = machine_frame(&domains[0]);
    memset(machine_entries(frame), 0x77, PAGE_SIZE);
    assert_true(frame_release(frame));
    assert_ptr_equal(machine_frame(&domains[0]), frame);
    assert_true(is_scrubbed(frame));
}

/* What a domain gives up and takes again at once is neither scrubbed nor flushed; but it is when it
 * becomes a table, or somebody else's. Those kept for that count as free, and can be had. */
static void test_given_and_taken_again(void **state)
{
    (void)state;
    struct domain *domain = &domains[0];

    domains[0].serial = 1;
    domains[1].serial = 2;
    struct frame *frame = machine_frame(domain);
    memset(machine_entries(frame), 0x77, PAGE_SIZE);
    flushes = flushes_everywhere = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(frame_get(frame, domain));
        assert_true(frame_release_and_put(frame));
        assert_int_equal(frame_free_count(), MACHINE_FRAMES - 1);
        assert_int_equal(domain->frame_count, 0);
        assert_ptr_equal(machine_frame(domain), frame);
        assert_false(is_scrubbed(frame));
    }
    assert_int_equal(flushes, 0);
    memset(machine_entries(frame), 0, PAGE_SIZE);
    mutex_lock(&domain->mmu_lock);
    assert_int_equal(frame_get_typed(frame, domain, FRAME_TYPE_L1), 0);
    assert_int_equal(flushes_everywhere, 1);
    /* With another reference it stays for a while. */
    assert_true(frame_get(frame, domain));
    assert_true(frame_release_and_put(frame));
    assert_int_equal(domain->outstanding_frames, 1);
    frame_put_typed(frame);
    mutex_unlock(&domain->mmu_lock);
    assert_int_equal(domain->outstanding_frames, 0);

    struct frame *frames[40];
    for (unsigned i = 0; i < 40; i++)
        frames[i] = machine_frame(domain);
    for (unsigned i = 0; i < 40; i++) {
        memset(machine_entries(frames[i]), 0x77, PAGE_SIZE);
        assert_true(frame_get(frames[i], domain));
        assert_true(frame_release_and_put(frames[i]));
    }
    assert_int_equal(frame_free_count(), MACHINE_FRAMES - 1);
    flushes_everywhere = 0;
    for (unsigned i = 0; i < MACHINE_FRAMES - 1; i++)
        assert_true(is_scrubbed(machine_frame(&domains[1])));
    assert_int_not_equal(flushes_everywhere, 0);
    assert_int_equal(frame_free_count(), 0);
}

static void test_limits(void **state)
{
    (void)state;
    mfn_t number;

    domains[1].frame_max = 5;
    assert_int_equal(frame_allocate_domain(&domains[1], 2, 0, &number), 0);
    assert_int_equal(frame_allocate_domain(&domains[1], 1, 0, &number), -XEN_ENOMEM);
    assert_int_equal(frame_allocate_domain(&domains[1], 0, 0, &number), 0);
    assert_int_equal(frame_allocate_domain(&domains[1], 0, 0, &number), -XEN_ENOMEM);
    assert_int_equal(domains[1].frame_count, 5);
    /* What is given back but still referenced counts. */
    struct frame *frame = mfn_to_frame(number);
    assert_true(frame_get(frame, &domains[1]));
    assert_true(frame_release(frame));
    assert_int_equal(frame_allocate_domain(&domains[1], 0, 0, &number), -XEN_ENOMEM);
    frame_put(frame);
    assert_int_equal(frame_allocate_domain(&domains[1], 0, 0, &number), 0);
    domains[1].life = DOMAIN_DYING;
    assert_int_equal(frame_allocate_domain(&domains[1], 0, 0, &number), -XEN_EINVAL);
    assert_int_equal(frame_allocate_domain(&domains[0], 10, 0, &number), -XEN_ENOMEM);
    assert_int_equal(domains[0].frame_count, 0);
}

static void test_references(void **state)
{
    (void)state;
    struct frame *frame = machine_frame(&domains[1]);
    uint64_t before = frame_free_count();

    assert_int_equal(domains[1].reference_count, 2);
    assert_false(frame_get(frame, &domains[0]));
    assert_true(frame_get(frame, &domains[1]));
    assert_true(frame_release(frame));
    assert_false(frame_release(frame));
    assert_int_equal(domains[1].outstanding_frames, 1);
    assert_int_equal(domains[1].frame_count, 0);
    assert_int_equal(frame_free_count(), before);
    machine_entries(frame)[0] = 1;
    frame_put(frame);
    assert_int_equal(frame_free_count(), before + 1);
    assert_int_equal(domains[1].outstanding_frames, 0);
    assert_int_equal(domains[1].reference_count, 1);
    assert_false(frame_get(frame, &domains[1]));
}

static void test_references_do_not_overflow(void **state)
{
    (void)state;
    struct frame *frame = machine_frame(&domains[1]);

    frame->reference_count = FRAME_REFERENCES_MAX - 1;
    assert_true(frame_get(frame, &domains[1]));
    assert_false(frame_get(frame, &domains[1]));
    assert_int_equal(frame->reference_count, FRAME_REFERENCES_MAX);
    frame->reference_count = 1;
}

static void test_shared_frame(void **state)
{
    (void)state;
    mfn_t number;

    assert_int_equal(frame_allocate_shared(&domains[1], &number), 0);
    struct frame *frame = mfn_to_frame(number);
    domains[1].mmu_lock.owner = 1;
    assert_int_equal(frame_get_typed(frame, &domains[1], FRAME_TYPE_L1), -XEN_EINVAL);
    domains[1].mmu_lock.owner = 0;
    assert_int_equal(frame_get_typed(frame, &domains[1], FRAME_TYPE_WRITABLE), 0);
    assert_int_equal(frame_steal(frame, &domains[1]), -XEN_EINVAL);
    assert_true(frame_release(frame));
    assert_int_equal(domains[1].shared_frame_count, 1);
    frame_put_typed(frame);
    assert_int_equal(domains[1].shared_frame_count, 0);
    assert_int_equal(domains[1].reference_count, 1);
    assert_int_equal(frame_free_count(), MACHINE_FRAMES - 1);
}

static void test_steal_and_assign(void **state)
{
    (void)state;
    struct frame *frame = machine_frame(&domains[0]);

    machine_entries(frame)[7] = 77;
    assert_true(frame_get(frame, &domains[0]));
    assert_int_equal(frame_steal(frame, &domains[1]), -XEN_EINVAL);
    assert_true(frame_get(frame, &domains[0]));
    assert_int_equal(frame_steal(frame, &domains[0]), -XEN_EINVAL);
    frame_put(frame);
    assert_int_equal(frame_steal(frame, &domains[0]), 0);
    assert_int_equal(domains[0].frame_count, 0);
    assert_false(frame_get(frame, &domains[0]));
    flushes_everywhere = 0;
    assert_int_equal(frame_assign(frame, &domains[1]), 0);
    assert_int_equal(flushes_everywhere, 1);
    assert_int_equal(machine_entries(frame)[7], 77);
    assert_true(frame_get(frame, &domains[1]));
    assert_int_equal(frame_steal(frame, &domains[1]), 0);
    frame_discard(frame);
    assert_int_equal(frame_free_count(), MACHINE_FRAMES - 1);
}

static void test_claims(void **state)
{
    (void)state;
    uint64_t other = 0;
    mfn_t number;

    assert_int_equal(heap_claim(&domains[1].claimed_frames, MACHINE_FRAMES), -XEN_ENOMEM);
    assert_int_equal(heap_claim(&domains[1].claimed_frames, MACHINE_FRAMES - 1 - 4), 0);
    assert_int_equal(heap_claim(&other, 5), -XEN_ENOMEM);
    assert_int_equal(frame_allocate_domain(&domains[0], 2, 0, &number), 0);
    assert_int_equal(frame_allocate_domain(&domains[0], 0, 0, &number), -XEN_ENOMEM);
    assert_int_equal(frame_allocate_domain(&domains[1], 4, 0, &number), 0);
    assert_int_equal(domains[1].claimed_frames, MACHINE_FRAMES - 1 - 4 - 16);
    heap_claim_use(&domains[1].claimed_frames, domains[1].claimed_frames);
    assert_int_equal(heap_claimed_count(), 0);
    assert_int_equal(frame_allocate_domain(&domains[0], 0, 0, &number), 0);
}

static void test_random_blocks(void **state)
{
    (void)state;
    struct heap_block blocks[64];
    bool used[64] = {false};
    uint64_t taken = 0;

    srand(1);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned index = (unsigned)rand() % 64;
        if (used[index]) {
            heap_give(&blocks[index]);
            taken -= 1u << blocks[index].order;
            used[index] = false;
        } else if (heap_take((unsigned)rand() % 6, 0, &blocks[index])) {
            taken += 1u << blocks[index].order;
            used[index] = true;
        }
        assert_int_equal(frame_free_count(), MACHINE_FRAMES - 1 - taken);
    }
    for (unsigned i = 0; i < 64; i++)
        if (used[i])
            heap_give(&blocks[i]);
    assert_true(heap_take(9, 0, &blocks[0]));
    heap_give(&blocks[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_buddies_merge_again, set_up),
        cmocka_unit_test_setup(test_address_limit, set_up),
        cmocka_unit_test_setup(test_memory_of_others_is_scrubbed, set_up),
        cmocka_unit_test_setup(test_own_memory_is_not_scrubbed, set_up),
        cmocka_unit_test_setup(test_given_and_taken_again, set_up),
        cmocka_unit_test_setup(test_limits, set_up),
        cmocka_unit_test_setup(test_references, set_up),
        cmocka_unit_test_setup(test_references_do_not_overflow, set_up),
        cmocka_unit_test_setup(test_shared_frame, set_up),
        cmocka_unit_test_setup(test_steal_and_assign, set_up),
        cmocka_unit_test_setup(test_claims, set_up),
        cmocka_unit_test_setup(test_random_blocks, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
