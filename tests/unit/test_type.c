/* SPDX-License-Identifier: MIT */
/*
 * Page types: every transition, counts, pins, descriptors and, with random operations, the
 * invariants as the audit sees them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "hypervisor/memory/descriptor_frame.h"
#include "tests/unit/table_machine.h"

static void test_every_transition(void **state)
{
    (void)state;
    for (enum frame_type from = FRAME_TYPE_NONE; from < FRAME_TYPE_COUNT; from++) {
        for (enum frame_type to = FRAME_TYPE_WRITABLE; to < FRAME_TYPE_COUNT; to++) {
            struct frame *frame = frame_of_one();
            if (from != FRAME_TYPE_NONE) {
                assert_int_equal(get(frame, from), 0);
                assert_int_equal(frame_type_of(frame), from);
                frame_put_typed(frame);
                /* The hypervisor's slots of a level-4 table are no entries for a guest. */
                memset(machine_entries(frame), 0, PAGE_SIZE);
            }
            assert_int_equal(frame_type_of(frame), FRAME_TYPE_NONE);
            flushes = 0;
            assert_int_equal(get(frame, to), 0);
            assert_int_equal(flushes, from != FRAME_TYPE_NONE && from != to);
            assert_int_equal(frame_type_of(frame), to);
            frame_put_typed(frame);
            frame_release(frame);
        }
    }
}

static void test_no_flush_when_all_has_been_flushed(void **state)
{
    (void)state;
    struct frame *frame = frame_of_one();

    assert_int_equal(get(frame, FRAME_TYPE_WRITABLE), 0);
    frame_put_typed(frame);
    machine_processor_flushed();
    flushes = 0;
    assert_int_equal(get(frame, FRAME_TYPE_L1), 0);
    assert_int_equal(flushes, 0);
    frame_put_typed(frame);
}

static void test_one_type_at_a_time(void **state)
{
    (void)state;
    for (enum frame_type held = FRAME_TYPE_WRITABLE; held < FRAME_TYPE_COUNT; held++) {
        struct frame *frame = frame_of_one();
        assert_int_equal(get(frame, held), 0);
        for (enum frame_type type = FRAME_TYPE_WRITABLE; type < FRAME_TYPE_COUNT; type++) {
            int rc = get(frame, type);
            assert_int_equal(rc, type == held ? 0 : -XEN_EINVAL);
            if (rc == 0)
                frame_put_typed(frame);
        }
        assert_int_equal(frame->reference_count, 2);
        frame_put_typed(frame);
    }
}

static void test_counts_do_not_overflow(void **state)
{
    (void)state;
    struct frame *frame = frame_of_one();

    assert_int_equal(get(frame, FRAME_TYPE_WRITABLE), 0);
    frame->type_word |= TYPE_WORD_COUNT;
    assert_int_equal(get(frame, FRAME_TYPE_WRITABLE), -XEN_EBUSY);
    assert_int_equal(frame->reference_count, 2);
    assert_int_equal(frame_type_of(frame), FRAME_TYPE_WRITABLE);
    frame->type_word = (frame->type_word & ~TYPE_WORD_COUNT) | 1;
    frame_put_typed(frame);
}

/* A frame shared with a domain has its type before its first reference and after its last one. */
static void test_a_frame_without_references_is_not_to_be_had(void **state)
{
    (void)state;
    mfn_t number;

    assert_int_equal(frame_allocate_shared(&domains[1], &number), 0);
    struct frame *frame = mfn_to_frame(number), *table = pinned_table(FRAME_TYPE_L1);
    frame->reference_count = 0;
    assert_int_equal(get(frame, FRAME_TYPE_WRITABLE), -XEN_EINVAL);
    assert_int_equal(update(table, 0, machine_entry(frame, PTE_WRITABLE | PTE_USER), &domains[1]),
                     -XEN_EBUSY);
    assert_int_equal(frame->reference_count, 0);
    assert_int_equal(frame->type_word, TYPE_WORD_SHARED);
    frame->reference_count = 1;
    assert_true(frame_release(frame));
    assert_int_equal(frame_unpin(table), 0);
}

static void test_owner(void **state)
{
    (void)state;
    struct frame *frame = machine_frame(&domains[0]);

    for (enum frame_type type = FRAME_TYPE_WRITABLE; type < FRAME_TYPE_COUNT; type++)
        assert_int_equal(get(frame, type), -XEN_EINVAL);
    assert_int_equal(frame->reference_count, 1);
}

static void test_pins(void **state)
{
    (void)state;
    struct frame *table = frame_of_one();

    assert_int_equal(frame_unpin(table), -XEN_EINVAL);
    assert_int_equal(frame_pin(table, &domains[1], FRAME_TYPE_L3), 0);
    assert_true(frame_is_pinned(table));
    assert_int_equal(frame_pin(table, &domains[1], FRAME_TYPE_L3), -XEN_EINVAL);
    assert_int_equal(frame_pin(table, &domains[1], FRAME_TYPE_L2), -XEN_EINVAL);
    assert_int_equal(table->reference_count, 2);
    assert_int_equal(frame_unpin(table), 0);
    assert_int_equal(frame_unpin(table), -XEN_EINVAL);
    assert_int_equal(table->reference_count, 1);
}

static void test_a_whole_tree_comes_and_goes(void **state)
{
    (void)state;
    struct frame *frames[5];
    uint64_t before = frame_free_count();

    for (unsigned i = 0; i < 5; i++)
        frames[i] = frame_of_one();
    for (unsigned i = 0; i < 4; i++)
        machine_entries(frames[i])[i] = machine_entry(frames[i + 1], PTE_WRITABLE);
    assert_int_equal(frame_pin(frames[0], &domains[1], FRAME_TYPE_L4), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(frame_type_of(frames[i]), FRAME_TYPE_L4 - i);
    assert_int_equal(frame_type_of(frames[4]), FRAME_TYPE_WRITABLE);
    machine_audit();
    for (unsigned i = 0; i < 5; i++)
        if (i)
            frame_release(frames[i]);
    assert_int_equal(frame_unpin(frames[0]), 0);
    frame_release(frames[0]);
    assert_int_equal(frame_free_count(), before);
}

static void test_descriptors(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 16; type++) {
        for (unsigned level = 0; level < 4; level++) {
            uint64_t base = (uint64_t)type << 40 | (uint64_t)level << 45 | 0x00cf00000000ffff;
            uint64_t absent = base, segment = base | 1UL << 47 | 1UL << 44,
                     system = base | 1UL << 47;
            assert_true(descriptor_check(&absent));
            assert_int_equal(absent, base);
            assert_true(descriptor_check(&segment));
            assert_int_equal(segment, base | 1UL << 47 | 1UL << 44 | 3UL << 45);
            assert_int_equal(descriptor_check(&system), type == 0);
        }
    }
    struct frame *frame = frame_of_one();
    machine_entries(frame)[511] = 0x00cf9b000000ffff;
    assert_int_equal(get(frame, FRAME_TYPE_DESCRIPTOR), 0);
    assert_int_equal(machine_entries(frame)[511], 0x00cffb000000ffff);
    frame_put_typed(frame);
    machine_entries(frame)[0] = 0x0000ec0000080000; /* a call gate */
    assert_int_equal(get(frame, FRAME_TYPE_DESCRIPTOR), -XEN_EINVAL);
    assert_int_equal(frame->reference_count, 1);
}

#define RANDOM_FRAMES 48

static void random_step(struct frame **frames)
{
    struct frame *frame = frames[rand() % RANDOM_FRAMES], *target = frames[rand() % RANDOM_FRAMES];
    uint64_t flags[] = {0, PTE_WRITABLE, PTE_USER, PTE_WRITABLE | PTE_USER, PTE_PCD, PTE_NX};
    uint64_t value = rand() % 2 ? machine_entry(target, flags[rand() % 6]) : 0;
    unsigned slot = (unsigned)rand() % 4 + (rand() % 2 ? HYPERVISOR_SLOT_FIRST - 2 : 0);

    switch (rand() % 6) {
    case 0:
        frame_pin(frame, frame->owner, FRAME_TYPE_L1 + (unsigned)rand() % 4);
        break;
    case 1:
        frame_unpin(frame);
        break;
    case 2: /* the guest writes where it may */
        if (frame_type_get(frame, FRAME_TYPE_WRITABLE) == 0) {
            memset(machine_entries(frame), 0, PAGE_SIZE);
            machine_entries(frame)[slot] = value;
            frame_type_put(frame);
        }
        break;
    default:
        update(frame, slot, value, &domains[rand() % TEST_DOMAINS]);
    }
}

static void test_random_operations(void **state)
{
    (void)state;
    struct frame *frames[RANDOM_FRAMES];
    unsigned tables[FRAME_TYPE_COUNT] = {0};

    srand(7);
    for (unsigned i = 0; i < RANDOM_FRAMES; i++)
        frames[i] = machine_frame(&domains[i % 4 == 0 ? 0 : 1]);
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 200; i++)
            random_step(frames);
        for (unsigned i = 0; i < RANDOM_FRAMES; i++)
            tables[frame_type_of(frames[i])]++;
        machine_audit();
    }
    for (enum frame_type type = FRAME_TYPE_WRITABLE; type <= FRAME_TYPE_L4; type++)
        assert_true(tables[type] > 300);
    for (unsigned i = 0; i < RANDOM_FRAMES; i++)
        frame_unpin(frames[i]);
    for (unsigned i = 0; i < RANDOM_FRAMES; i++) {
        assert_int_equal(frames[i]->type_word & TYPE_WORD_COUNT, 0);
        frame_release(frames[i]);
    }
    assert_int_equal(frame_free_count(), MACHINE_FRAMES - 1);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, table_machine_begin, table_machine_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_transition),
        TEST(test_no_flush_when_all_has_been_flushed),
        TEST(test_one_type_at_a_time),
        TEST(test_counts_do_not_overflow),
        TEST(test_a_frame_without_references_is_not_to_be_had),
        TEST(test_owner),
        TEST(test_pins),
        TEST(test_a_whole_tree_comes_and_goes),
        TEST(test_descriptors),
        TEST(test_random_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
