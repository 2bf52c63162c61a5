/* SPDX-License-Identifier: MIT */
/* Page tables: every flag at every level, what tables may name, updates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "tests/unit/table_machine.h"

#define DEVICE_FRAME (MACHINE_FRAMES + 5UL)

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

/* What a vcpu knows of its tables holds until one of them goes, or an entry above them changes. */
static void test_known_tables_are_forgotten(void **state)
{
    (void)state;
    static struct vcpu vcpu;
    struct frame *l2 = pinned_table(FRAME_TYPE_L2), *l1 = pinned_table(FRAME_TYPE_L1);
    struct frame *other = pinned_table(FRAME_TYPE_L1), *data = frame_of_one();
    const struct known_tables known = {7, machine_entries(l1), (uintptr_t)machine_entries(l1)};
    const uint64_t none = KNOWN_REGION_NONE, no_table = KNOWN_TABLE_NONE;

    domains[1].vcpus[0] = &vcpu;
    domains[1].vcpu_max = 1;
    vcpu.known = known;
    assert_int_equal(update(l2, 3, machine_entry(l1, 0), &domains[1]), 0);
    assert_int_equal(update(l2, 3, machine_entry(l1, PTE_WRITABLE), &domains[1]), 0);
    assert_int_equal(update(l1, 3, machine_entry(data, PTE_WRITABLE), &domains[1]), 0);
    assert_memory_equal(&vcpu.known, &known, sizeof(known));
    assert_int_equal(update(l2, 3, machine_entry(other, 0), &domains[1]), 0);
    assert_int_equal(vcpu.known.region, none);
    assert_int_equal(vcpu.known.updated, no_table);
    vcpu.known = known;
    assert_int_equal(frame_unpin(l1), 0);
    assert_int_equal(vcpu.known.region, none);
    assert_int_equal(vcpu.known.updated, no_table);
    domains[1].vcpu_max = 0;
    domains[1].vcpus[0] = NULL;
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, table_machine_begin, table_machine_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(test_known_tables_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
