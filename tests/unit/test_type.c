/* SPDX-License-Identifier: MIT */
/*
 * Page types: every transition, every flag at every level, what tables may name, updates, pins and,
 * with random operations, the invariants as the audit sees them.
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
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/lock.h"
#include "machine.h"

#define DEVICE_FRAME (MACHINE_FRAMES + 5UL)

static int set_up(void **state)
{
    (void)state;
    machine_reset();
    mutex_lock(&domains[0].mmu_lock);
    mutex_lock(&domains[1].mmu_lock);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    machine_audit();
    return 0;
}

static struct frame *frame_of_one(void)
{
    return machine_frame(&domains[1]);
}

static int get(struct frame *frame, enum frame_type type)
{
    return frame_get_typed(frame, &domains[1], type);
}

static int update(struct frame *table, unsigned slot, uint64_t value, struct domain *frame_owner)
{
    struct table_update request = {
        .table = table, .slot = slot, .value = value, .frame_owner = frame_owner};
    return table_update(&request);
}

/* A pinned, empty table of domain 1. */
static struct frame *pinned_table(enum frame_type type)
{
    struct frame *table = frame_of_one();

    assert_int_equal(frame_pin(table, &domains[1], type), 0);
    return table;
}

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

/* One bit in one entry: which are refused, for whom, and what is stored instead of the others. */
static void check_bit(enum frame_type type, unsigned bit, bool privileged)
{
    struct domain *owner = &domains[privileged ? 0 : 1];
    struct frame *table = machine_frame(owner), *target = machine_frame(owner);
    uint64_t flag = 1UL << bit, upper = PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL;
    bool leaf = type == FRAME_TYPE_L1;
    uint64_t refused = leaf ? 1UL << 62 | (privileged ? 0 : PTE_PWT | PTE_PCD | PTE_PAT) : upper;

    machine_entries(table)[3] = machine_entry(target, flag);
    int rc = frame_get_typed(table, owner, type);
    assert_int_equal(rc, flag & refused ? -XEN_EINVAL : 0);
    if (rc == 0) {
        uint64_t entry = machine_entries(table)[3];
        assert_true(entry & PTE_USER);
        assert_int_equal(target->reference_count, 2);
        if (leaf && flag != PTE_USER)
            assert_true(entry & ENTRY_GUEST_KERNEL);
        if (leaf)
            assert_false(entry & PTE_GLOBAL);
        assert_int_equal(update(table, 3, 0, owner), 0);
        frame_put_typed(table);
    }
    assert_int_equal(target->reference_count, 1);
    assert_int_equal(target->type_word & TYPE_WORD_COUNT, 0);
    frame_release(table);
    frame_release(target);
}

static void test_every_flag_at_every_level(void **state)
{
    (void)state;
    for (enum frame_type type = FRAME_TYPE_L1; type <= FRAME_TYPE_L4; type++)
        for (unsigned bit = 0; bit < 64; bit++)
            if (bit < PAGE_SHIFT || bit >= 52) {
                check_bit(type, bit, false);
                check_bit(type, bit, true);
            }
}

static void test_user_pages_keep_their_bit(void **state)
{
    (void)state;
    struct frame *table = frame_of_one(), *target = frame_of_one();

    machine_entries(table)[0] = machine_entry(target, PTE_USER | PTE_GLOBAL);
    machine_entries(table)[1] = 0x4000000000000abc; /* absent: a guest's own business */
    assert_int_equal(get(table, FRAME_TYPE_L1), 0);
    assert_int_equal(machine_entries(table)[0], machine_entry(target, PTE_USER));
    assert_int_equal(machine_entries(table)[1], 0x4000000000000abc);
    frame_put_typed(table);
    assert_int_equal(machine_entries(table)[1], 0x4000000000000abc);
}

/* A table of every level may name a table of the next one, and nothing else. */
static void test_children(void **state)
{
    (void)state;
    for (enum frame_type type = FRAME_TYPE_L2; type <= FRAME_TYPE_L4; type++) {
        for (enum frame_type held = FRAME_TYPE_WRITABLE; held < FRAME_TYPE_COUNT; held++) {
            struct frame *table = frame_of_one(), *target = frame_of_one();
            assert_int_equal(get(target, held), 0);
            machine_entries(table)[511] = machine_entry(target, 0);
            assert_int_equal(get(table, type), held == type - 1 ? 0 : -XEN_EINVAL);
            if (held == type - 1) {
                assert_int_equal(target->type_word & TYPE_WORD_COUNT, 2);
                frame_put_typed(table);
            }
            assert_int_equal(target->type_word & TYPE_WORD_COUNT, 1);
            frame_put_typed(target);
        }
    }
}

static void test_no_table_names_itself(void **state)
{
    (void)state;
    for (enum frame_type type = FRAME_TYPE_L2; type <= FRAME_TYPE_L4; type++) {
        struct frame *table = frame_of_one();
        machine_entries(table)[0] = machine_entry(table, 0);
        assert_int_equal(get(table, type), -XEN_EINVAL);
        machine_entries(table)[0] = 0;
        assert_int_equal(get(table, type), 0);
        assert_int_equal(update(table, 0, machine_entry(table, 0), &domains[1]), -XEN_EINVAL);
        frame_put_typed(table);
    }
    /* A level-1 table may show itself read-only, but not writable. */
    struct frame *table = frame_of_one();
    machine_entries(table)[0] = machine_entry(table, PTE_WRITABLE);
    assert_int_equal(get(table, FRAME_TYPE_L1), -XEN_EBUSY);
    machine_entries(table)[0] = machine_entry(table, 0);
    assert_int_equal(get(table, FRAME_TYPE_L1), 0);
    assert_int_equal(update(table, 0, machine_entry(table, PTE_WRITABLE), &domains[1]), -XEN_EBUSY);
    frame_put_typed(table);
}

static void test_tables_are_mapped_read_only(void **state)
{
    (void)state;
    struct frame *table = pinned_table(FRAME_TYPE_L1);

    for (enum frame_type type = FRAME_TYPE_L1; type < FRAME_TYPE_COUNT; type++) {
        struct frame *target = frame_of_one();
        assert_int_equal(get(target, type), 0);
        assert_int_equal(update(table, 0, machine_entry(target, PTE_WRITABLE), &domains[1]),
                         -XEN_EBUSY);
        assert_int_equal(update(table, 0, machine_entry(target, 0), &domains[1]), 0);
        frame_put_typed(target);
    }
    /* And what is mapped writable does not become a table. */
    struct frame *data = frame_of_one();
    assert_int_equal(update(table, 1, machine_entry(data, PTE_WRITABLE), &domains[1]), 0);
    for (enum frame_type type = FRAME_TYPE_L1; type < FRAME_TYPE_COUNT; type++)
        assert_int_equal(get(data, type), -XEN_EINVAL);
    flushes = 0;
    assert_int_equal(update(table, 1, machine_entry(data, 0), &domains[1]), 0);
    assert_int_equal(get(data, FRAME_TYPE_L1), 0);
    assert_int_equal(flushes, 1);
    frame_put_typed(data);
}

static void test_failed_validation_takes_nothing(void **state)
{
    (void)state;
    struct frame *table = frame_of_one(), *other = machine_frame(&domains[0]), *targets[10];

    for (unsigned i = 0; i < 10; i++) {
        targets[i] = frame_of_one();
        machine_entries(table)[i * 50] = machine_entry(targets[i], i & 1 ? PTE_WRITABLE : 0);
    }
    machine_entries(table)[500] = machine_entry(other, 0);
    assert_int_equal(get(table, FRAME_TYPE_L1), -XEN_EBUSY);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(targets[i]->reference_count, 1);
        assert_int_equal(frame_type_of(targets[i]), FRAME_TYPE_NONE);
    }
    assert_int_equal(table->reference_count, 1);
    assert_int_equal(get(table, FRAME_TYPE_WRITABLE), 0);
    frame_put_typed(table);
}

static void test_hypervisor_slots(void **state)
{
    (void)state;
    struct frame *table = frame_of_one(), *l3 = frame_of_one();

    memset(&machine_entries(table)[HYPERVISOR_SLOT_FIRST], 0xff, HYPERVISOR_SLOT_COUNT * 8);
    machine_entries(table)[HYPERVISOR_SLOT_FIRST - 1] = machine_entry(l3, 0);
    machine_entries(table)[HYPERVISOR_SLOT_FIRST + HYPERVISOR_SLOT_COUNT] = machine_entry(l3, 0);
    assert_int_equal(frame_pin(table, &domains[1], FRAME_TYPE_L4), 0);
    assert_int_equal(l3->type_word & TYPE_WORD_COUNT, 2);
    for (unsigned i = 0; i < HYPERVISOR_SLOT_COUNT; i++) {
        assert_int_equal(machine_entries(table)[HYPERVISOR_SLOT_FIRST + i],
                         0xabc001 + (i << PAGE_SHIFT));
        assert_int_equal(update(table, HYPERVISOR_SLOT_FIRST + i, 0, &domains[1]), -XEN_EINVAL);
        assert_int_equal(
            update(table, HYPERVISOR_SLOT_FIRST + i, machine_entry(l3, 0), &domains[1]),
            -XEN_EINVAL);
    }
    machine_audit();
    assert_int_equal(frame_unpin(table), 0);
    assert_int_equal(frame_type_of(l3), FRAME_TYPE_NONE);
}

static void test_foreign_frames(void **state)
{
    (void)state;
    struct frame *table = machine_frame(&domains[0]), *foreign = frame_of_one();
    struct frame *mine = pinned_table(FRAME_TYPE_L1);

    /* Not in a table that becomes valid, not without naming the owner. */
    machine_entries(table)[0] = machine_entry(foreign, 0);
    assert_int_equal(frame_get_typed(table, &domains[0], FRAME_TYPE_L1), -XEN_EBUSY);
    machine_entries(table)[0] = 0;
    assert_int_equal(frame_pin(table, &domains[0], FRAME_TYPE_L1), 0);
    assert_int_equal(update(table, 0, machine_entry(foreign, 0), &domains[0]), -XEN_EBUSY);
    assert_int_equal(update(table, 0, machine_entry(mine, PTE_WRITABLE), &domains[1]), -XEN_EBUSY);
    assert_int_equal(update(table, 0, machine_entry(foreign, PTE_WRITABLE), &domains[1]), 0);
    assert_int_equal(get(foreign, FRAME_TYPE_L2), -XEN_EINVAL);
    machine_audit();
    /* The mapper's processors count when the frame becomes a table. */
    assert_int_equal(update(table, 0, 0, &domains[0]), 0);
    flushes_everywhere = 0;
    assert_int_equal(get(foreign, FRAME_TYPE_L2), 0);
    assert_int_equal(flushes_everywhere, 1);
    frame_put_typed(foreign);
    /* Upper levels never. */
    struct frame *l2 = machine_frame(&domains[0]);
    assert_int_equal(frame_pin(l2, &domains[0], FRAME_TYPE_L2), 0);
    assert_int_equal(update(l2, 0, machine_entry(mine, 0), &domains[1]), -XEN_EINVAL);
}

static void test_a_mapped_frame_outlives_its_release(void **state)
{
    (void)state;
    struct frame *table = machine_frame(&domains[0]), *foreign = frame_of_one();
    uint64_t before = frame_free_count();

    assert_int_equal(frame_pin(table, &domains[0], FRAME_TYPE_L1), 0);
    assert_int_equal(update(table, 0, machine_entry(foreign, PTE_WRITABLE), &domains[1]), 0);
    frame_release(foreign);
    assert_int_equal(frame_free_count(), before);
    assert_int_equal(frame_pin(foreign, &domains[1], FRAME_TYPE_WRITABLE), -XEN_EINVAL);
    machine_audit();
    assert_int_equal(frame_unpin(table), 0);
    assert_int_equal(frame_free_count(), before + 1);
}

static void test_device_memory(void **state)
{
    (void)state;
    struct frame *mine = pinned_table(FRAME_TYPE_L1), *first = machine_frame(&domains[0]);
    uint64_t device = DEVICE_FRAME << PAGE_SHIFT | PTE_PRESENT | PTE_WRITABLE;
    uint64_t local_apic = 0xfee00000 | PTE_PRESENT, beyond = 1UL << 45 | PTE_PRESENT;

    assert_int_equal(frame_pin(first, &domains[0], FRAME_TYPE_L1), 0);
    assert_int_equal(update(mine, 0, device, &domains[1]), -XEN_EPERM);
    assert_int_equal(update(mine, 0, device, &domain_io), -XEN_EPERM);
    assert_int_equal(update(mine, 0, beyond, &domains[1]), -XEN_EINVAL);
    assert_int_equal(update(first, 0, device | PTE_PCD, &domains[0]), 0);
    assert_int_equal(update(first, 1, device | PTE_PCD, &domain_io), 0);
    assert_int_equal(update(first, 2, local_apic, &domain_io), -XEN_EPERM);
    assert_int_equal(update(first, 2, beyond, &domain_io), -XEN_EINVAL);
    /* By DOMID_IO not even one's own memory; without a right not even a privileged owner's. */
    assert_int_equal(update(first, 2, machine_entry(first, 0), &domain_io), -XEN_EBUSY);
    assert_int_equal(update(mine, 2, device, &domains[0]), -XEN_EPERM);
}

static void test_hypervisor_memory_is_out_of_reach(void **state)
{
    (void)state;
    struct frame *first = machine_frame(&domains[0]);
    void *page = frame_allocate_hypervisor(0);
    uint64_t entry = virtual_to_physical(page) | PTE_PRESENT;
    mfn_t high; /* beyond the first megabyte, which is the firmware's */

    assert_int_equal(frame_allocate_domain(&domains[0], 8, 0, &high), 0);
    struct frame *kept = mfn_to_frame(high);
    assert_int_equal(frame_pin(first, &domains[0], FRAME_TYPE_L1), 0);
    assert_int_equal(update(first, 0, entry, &domains[0]), -XEN_EBUSY);
    assert_int_equal(update(first, 0, entry, &domain_io), -XEN_EBUSY);
    assert_int_equal(update(first, 0, entry, &domain_xen), -XEN_EBUSY);
    /* RAM that the allocator was never given, as the image is. */
    kept->state = FRAME_STATE_UNUSABLE;
    assert_int_equal(update(first, 0, machine_entry(kept, PTE_WRITABLE), &domain_io), -XEN_EPERM);
    kept->state = FRAME_STATE_DOMAIN;
    frame_free_hypervisor(page, 0);
}

static void test_grant_entries_are_not_the_guests(void **state)
{
    (void)state;
    struct frame *table = pinned_table(FRAME_TYPE_L1), *target = frame_of_one();
    uint64_t entry = machine_entry(target, PTE_WRITABLE | PTE_USER);

    assert_int_equal(update(table, 0, entry | ENTRY_GRANT, &domains[1]), -XEN_EINVAL);
    machine_entries(table)[0] = entry | ENTRY_GRANT;
    assert_int_equal(update(table, 0, 0, &domains[1]), -XEN_EBUSY);
    assert_int_equal(update(table, 0, entry, &domains[1]), -XEN_EBUSY);
    /* When the table goes, the references stay with the grant, and the mark does not. */
    assert_int_equal(frame_unpin(table), 0);
    assert_int_equal(target->reference_count, 1);
    assert_int_equal(machine_entries(table)[0], 0);
}

static void test_update_modes(void **state)
{
    (void)state;
    struct frame *table = pinned_table(FRAME_TYPE_L1), *one = frame_of_one(), *two = frame_of_one();
    uint64_t seen = machine_entry(one, PTE_USER | PTE_DIRTY | PTE_ACCESSED);
    struct table_update request = {
        .table = table, .value = seen, .frame_owner = &domains[1], .mode = TABLE_STORE};

    assert_int_equal(table_update(&request), 0);
    request.value = machine_entry(two, PTE_USER);
    request.mode = TABLE_PRESERVE_AD;
    assert_int_equal(table_update(&request), 0);
    assert_int_equal(machine_entries(table)[0],
                     machine_entry(two, PTE_USER | PTE_DIRTY | PTE_ACCESSED));
    request.mode = TABLE_COMPARE;
    request.value = seen;
    request.expected = 5;
    assert_int_equal(table_update(&request), 0);
    assert_true(request.mismatch);
    assert_int_equal(request.expected, machine_entries(table)[0]);
    assert_int_equal(one->reference_count, 1);
    assert_int_equal(table_update(&request), 0);
    assert_false(request.mismatch);
    assert_int_equal(machine_entries(table)[0], seen);
    assert_int_equal(one->reference_count, 2);
    assert_int_equal(two->reference_count, 1);
}

static void test_rights_that_widen_are_checked(void **state)
{
    (void)state;
    struct frame *table = pinned_table(FRAME_TYPE_L1), *other = pinned_table(FRAME_TYPE_L1);

    assert_int_equal(update(table, 0, machine_entry(other, 0), &domains[1]), 0);
    assert_int_equal(update(table, 0, machine_entry(other, PTE_USER | PTE_NX), &domains[1]), 0);
    assert_int_equal(update(table, 0, machine_entry(other, PTE_WRITABLE), &domains[1]), -XEN_EBUSY);
    assert_int_equal(other->reference_count, 3);
}

static void test_unlinking_asks_for_a_flush(void **state)
{
    (void)state;
    struct frame *l2 = pinned_table(FRAME_TYPE_L2), *l1 = frame_of_one(), *other = frame_of_one();
    struct table_update request = {
        .table = l2, .value = machine_entry(l1, PTE_WRITABLE), .frame_owner = &domains[1]};

    assert_int_equal(table_update(&request), 0);
    assert_false(request.unlinked);
    request.value = machine_entry(l1, 0);
    assert_int_equal(table_update(&request), 0);
    assert_false(request.unlinked);
    request.value = machine_entry(other, 0);
    assert_int_equal(table_update(&request), 0);
    assert_true(request.unlinked);
    assert_int_equal(frame_type_of(l1), FRAME_TYPE_NONE);
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_transition),
        TEST(test_no_flush_when_all_has_been_flushed),
        TEST(test_one_type_at_a_time),
        TEST(test_counts_do_not_overflow),
        TEST(test_a_frame_without_references_is_not_to_be_had),
        TEST(test_owner),
        TEST(test_every_flag_at_every_level),
        TEST(test_user_pages_keep_their_bit),
        TEST(test_children),
        TEST(test_no_table_names_itself),
        TEST(test_tables_are_mapped_read_only),
        TEST(test_failed_validation_takes_nothing),
        TEST(test_hypervisor_slots),
        TEST(test_foreign_frames),
        TEST(test_a_mapped_frame_outlives_its_release),
        TEST(test_device_memory),
        TEST(test_hypervisor_memory_is_out_of_reach),
        TEST(test_grant_entries_are_not_the_guests),
        TEST(test_update_modes),
        TEST(test_rights_that_widen_are_checked),
        TEST(test_unlinking_asks_for_a_flush),
        TEST(test_pins),
        TEST(test_a_whole_tree_comes_and_goes),
        TEST(test_descriptors),
        TEST(test_random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
