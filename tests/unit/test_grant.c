/* SPDX-License-Identifier: MIT */
/*
 * Grants: every mapping, copy and refusal, with the reference counts that each holds and gives
 * back; the ways in which guests once made a hypervisor count wrongly (XSA-224, XSA-234, XSA-316);
 * the death of either side; random operations, after which the audit finds all counts right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/grant_copy.h"
#include "hypervisor/memory/grant_map.h"
#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/memory/mmu_grant.h"
#include "hypervisor/memory/type.h"
#include "machine.h"

#define GRANTER  1
#define MAPPER   0
#define NOBODY   99
#define PLACES   16 /* page-table entries of the mapper */
#define REF      8
#define MANY     20000
#define IDENTITY (PTE_PRESENT | PTE_WRITABLE | PTE_FRAME_MASK | ENTRY_GRANT)

static uint64_t places[PLACES];

void spinlock_init(struct spinlock *lock, enum lock_level level)
{
    *lock = (struct spinlock){.level = (uint8_t)level};
}

/* Entries at "addresses" 1 to PLACES; mmu_grant.c itself is tested in a running machine. */
static uint64_t *place_at(uint64_t address)
{
    return address >= 1 && address <= PLACES ? &places[address - 1] : NULL;
}

int mmu_map_grant(uint64_t place, bool by_machine_address, uint64_t entry)
{
    uint64_t *where = place_at(place);

    (void)by_machine_address;
    if (!where || (*where & ENTRY_GRANT))
        return -XEN_EINVAL;
    *where = entry;
    return 0;
}

int mmu_unmap_grant(uint64_t place, bool by_machine_address, uint64_t entry)
{
    uint64_t *where = place_at(place);

    (void)by_machine_address;
    if (!where || ((*where ^ entry) & IDENTITY))
        return -XEN_EINVAL;
    *where = 0;
    return 0;
}

int mmu_replace_grant(uint64_t address, uint64_t entry, uint64_t source)
{
    uint64_t *from = place_at(source);

    if (!from || (*from & ENTRY_GRANT) || mmu_unmap_grant(address, false, entry))
        return -XEN_EINVAL;
    *place_at(address) = *from;
    *from = 0;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    machine_reset();
    memset(places, 0, sizeof(places));
    for (unsigned i = 0; i < TEST_DOMAINS; i++) {
        assert_int_equal(grant_table_create(&domains[i], 2, 1), 0);
        assert_int_equal(grant_table_grow(&domains[i], 1), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TEST_DOMAINS; i++)
        grant_release_mappings(&domains[i]);
    machine_audit();
    for (unsigned i = 0; i < TEST_DOMAINS; i++) {
        if (!domains[i].grants->released)
            grant_table_release(&domains[i]);
        grant_table_free(&domains[i]);
    }
    return 0;
}

static volatile struct grant_entry_v1 *entry_of(domid_t domain, grant_ref_t ref)
{
    return grant_entry_at(domains[domain].grants, ref);
}

static void grant(const struct frame *frame, grant_ref_t ref, uint16_t flags)
{
    volatile struct grant_entry_v1 *entry = entry_of(GRANTER, ref);

    entry->domid = MAPPER;
    entry->frame = (uint32_t)frame_to_mfn(frame).value;
    entry->flags = GTF_permit_access | flags;
}

static struct frame *granted_frame(uint16_t flags)
{
    struct frame *frame = machine_frame(&domains[GRANTER]);

    grant(frame, REF, flags);
    return frame;
}

static struct gnttab_map_grant_ref map_at(grant_ref_t ref, uint64_t place, uint32_t flags)
{
    struct gnttab_map_grant_ref operation = {
        .dom = GRANTER, .ref = ref, .host_addr = place, .flags = flags};

    grant_map(&domains[MAPPER], &operation);
    return operation;
}

static struct gnttab_map_grant_ref map(uint32_t flags)
{
    struct gnttab_map_grant_ref operation = map_at(REF, 1, flags);

    assert_int_equal(operation.status, GNTST_okay);
    return operation;
}

static int16_t unmap(grant_handle_t handle, uint64_t place, uint64_t bus_address)
{
    struct gnttab_unmap_grant_ref operation = {
        .handle = handle, .host_addr = place, .dev_bus_addr = bus_address};

    grant_unmap(&domains[MAPPER], &operation);
    return operation.status;
}

static unsigned references(const struct frame *frame)
{
    return frame->reference_count;
}

static unsigned writers(const struct frame *frame)
{
    return frame_type_of(frame) == FRAME_TYPE_WRITABLE ? frame->type_word & TYPE_WORD_COUNT : 0;
}

static void test_map_writable(void **state)
{
    struct frame *frame = granted_frame(0);
    unsigned before = references(frame);

    (void)state;
    struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map);
    assert_int_equal(mapping.dev_bus_addr, mfn_to_physical(frame_to_mfn(frame)));
    assert_int_equal(places[0] & IDENTITY,
                     mapping.dev_bus_addr | PTE_PRESENT | PTE_WRITABLE | ENTRY_GRANT);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(references(frame), before + 1);
    assert_int_equal(writers(frame), 1);
    assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_okay);
    assert_int_equal(places[0], 0);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access);
    assert_int_equal(references(frame), before);
    assert_int_equal(writers(frame), 0);
    assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_bad_handle);
}

static void test_map_readonly(void **state)
{
    struct frame *frame = granted_frame(GTF_readonly);

    (void)state;
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map | GNTMAP_readonly);
    assert_int_equal(places[0] & PTE_WRITABLE, 0);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
    assert_int_equal(writers(frame), 0);
    assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_okay);
}

/* The flags of the shared entry follow the pins that are left. */
static void test_several_mappings(void **state)
{
    struct frame *frame = granted_frame(0);
    unsigned before = references(frame);

    (void)state;
    struct gnttab_map_grant_ref reader = map_at(REF, 1, GNTMAP_host_map | GNTMAP_readonly);
    struct gnttab_map_grant_ref writer = map_at(REF, 2, GNTMAP_host_map);
    assert_int_equal(reader.status, GNTST_okay);
    assert_int_equal(writer.status, GNTST_okay);
    assert_int_not_equal(reader.handle, writer.handle);
    assert_int_equal(references(frame), before + 2);
    assert_int_equal(unmap(writer.handle, 2, 0), GNTST_okay);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(unmap(reader.handle, 1, 0), GNTST_okay);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access);
    assert_int_equal(references(frame), before);
}

/* XSA-224: host and device mappings taken away one by one, in either order. */
static void test_host_and_device(void **state)
{
    struct frame *frame = granted_frame(0);
    unsigned before = references(frame);

    (void)state;
    for (unsigned host_first = 0; host_first < 2; host_first++) {
        struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map | GNTMAP_device_map);
        uint64_t host = host_first ? 1 : 0, bus = host_first ? 0 : mapping.dev_bus_addr;
        assert_int_equal(references(frame), before + 2);
        assert_int_equal(writers(frame), 2);
        assert_int_equal(unmap(mapping.handle, host, bus), GNTST_okay);
        assert_int_equal(references(frame), before + 1);
        assert_int_equal(writers(frame), 1);
        assert_int_equal(unmap(mapping.handle, host, bus), GNTST_okay); /* gone: nothing to do */
        assert_int_equal(references(frame), before + 1);
        assert_int_equal(unmap(mapping.handle, 1, mapping.dev_bus_addr), GNTST_okay);
        assert_int_equal(references(frame), before);
        assert_int_equal(writers(frame), 0);
        assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_bad_handle);
    }
}

static void test_device_only(void **state)
{
    struct frame *frame = granted_frame(0);
    unsigned before = references(frame);

    (void)state;
    struct gnttab_map_grant_ref mapping = map(GNTMAP_device_map);
    assert_int_equal(places[0], 0);
    assert_int_equal(references(frame), before + 1);
    assert_int_equal(unmap(mapping.handle, 0, mapping.dev_bus_addr + PAGE_SIZE),
                     GNTST_general_error);
    assert_int_equal(references(frame), before + 1);
    assert_int_equal(unmap(mapping.handle, 0, mapping.dev_bus_addr), GNTST_okay);
    assert_int_equal(references(frame), before);
}

/* XSA-234: an entry that shows something else, or with other rights, is not this mapping's. */
static void test_unmap_through_another_entry(void **state)
{
    struct frame *frame = granted_frame(0);
    unsigned before = references(frame);

    (void)state;
    struct gnttab_map_grant_ref writer = map(GNTMAP_host_map);
    struct gnttab_map_grant_ref reader = map_at(REF, 2, GNTMAP_host_map | GNTMAP_readonly);
    struct frame *other = machine_frame(&domains[GRANTER]);
    grant(other, REF + 1, 0);
    struct gnttab_map_grant_ref elsewhere = map_at(REF + 1, 3, GNTMAP_host_map);

    assert_int_equal(unmap(writer.handle, 2, 0), GNTST_general_error);
    assert_int_equal(unmap(writer.handle, 3, 0), GNTST_general_error);
    assert_int_equal(unmap(writer.handle, 4, 0), GNTST_general_error);
    assert_int_equal(unmap(writer.handle, PLACES + 1, 0), GNTST_general_error);
    assert_int_equal(unmap(reader.handle, 1, 0), GNTST_general_error);
    assert_int_equal(references(frame), before + 2);
    assert_int_equal(unmap(writer.handle, 1, 0), GNTST_okay);
    assert_int_equal(unmap(reader.handle, 2, 0), GNTST_okay);
    assert_int_equal(unmap(elsewhere.handle, 3, 0), GNTST_okay);
    assert_int_equal(references(frame), before);
}

static void test_map_refusals(void **state)
{
    struct frame *frame = granted_frame(0);
    struct gnttab_map_grant_ref operation = {.dom = NOBODY, .flags = GNTMAP_host_map};

    (void)state;
    assert_int_equal(map_at(REF, 1, GNTMAP_readonly).status, GNTST_bad_gntref);
    grant_map(&domains[MAPPER], &operation);
    assert_int_equal(operation.status, GNTST_bad_domain);
    assert_int_equal(map_at(GRANT_ENTRIES_PER_FRAME, 1, GNTMAP_host_map).status, GNTST_bad_gntref);
    assert_int_equal(map_at(UINT32_MAX, 1, GNTMAP_host_map).status, GNTST_bad_gntref);
    assert_int_equal(map_at(REF + 1, 1, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(map_at(REF, PLACES + 1, GNTMAP_host_map).status, GNTST_general_error);
    /* XSA-316: granted to somebody else. */
    entry_of(GRANTER, REF)->domid = GRANTER;
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    entry_of(GRANTER, REF)->domid = MAPPER;
    entry_of(GRANTER, REF)->flags = GTF_accept_transfer;
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    entry_of(GRANTER, REF)->flags = GTF_transitive;
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_transitive);
    assert_int_equal(references(frame), 1);
}

/* A granter cannot grant what is not its own, or what may not be written. */
static void test_frames_that_cannot_be_granted(void **state)
{
    struct frame *foreign = machine_frame(&domains[MAPPER]);
    struct frame *table = machine_frame(&domains[GRANTER]);

    (void)state;
    grant(foreign, REF, 0);
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access);
    entry_of(GRANTER, REF)->frame = MACHINE_FRAMES + 1;
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    entry_of(GRANTER, REF)->frame = UINT32_MAX;
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);

    memset(machine_entries(table), 0, PAGE_SIZE);
    mutex_lock(&domains[GRANTER].mmu_lock);
    assert_int_equal(frame_pin(table, &domains[GRANTER], FRAME_TYPE_L1), 0);
    grant(table, REF, 0);
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(map_at(REF, 1, GNTMAP_host_map | GNTMAP_device_map).status,
                     GNTST_general_error);
    struct gnttab_map_grant_ref reader = map(GNTMAP_host_map | GNTMAP_readonly);
    assert_int_equal(unmap(reader.handle, 1, 0), GNTST_okay);
    assert_int_equal(frame_unpin(table), 0);
    mutex_unlock(&domains[GRANTER].mmu_lock);
}

/* What the granter writes into the entry while it is mapped changes nothing. */
static void test_entry_changed_while_mapped(void **state)
{
    struct frame *frame = granted_frame(0), *other = machine_frame(&domains[GRANTER]);

    (void)state;
    struct gnttab_map_grant_ref first = map(GNTMAP_host_map);
    grant(other, REF, 0);
    struct gnttab_map_grant_ref second = map_at(REF, 2, GNTMAP_host_map);
    assert_int_equal(second.status, GNTST_okay);
    assert_int_equal(second.dev_bus_addr, first.dev_bus_addr);
    memset((void *)entry_of(GRANTER, REF), 0, sizeof(struct grant_entry_v1));
    assert_int_equal(unmap(first.handle, 1, 0), GNTST_okay);
    assert_int_equal(unmap(second.handle, 2, 0), GNTST_okay);
    assert_int_equal(references(frame), 1);
    assert_int_equal(references(other), 1);
}

static void test_one_user_at_a_time(void **state)
{
    granted_frame(0);
    struct gnttab_map_grant_ref own = {
        .dom = GRANTER, .ref = REF, .host_addr = 2, .flags = GNTMAP_host_map};

    (void)state;
    struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map);
    entry_of(GRANTER, REF)->domid = GRANTER;
    grant_map(&domains[GRANTER], &own);
    assert_int_equal(own.status, GNTST_general_error);
    assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_okay);
}

static void test_counts_do_not_overflow(void **state)
{
    granted_frame(0);
    struct grant_active *active;

    (void)state;
    struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map);
    active = grant_active_at(domains[GRANTER].grants, REF);
    active->writers[GRANT_HOST] = GRANT_PINS_MAX;
    assert_int_equal(map_at(REF, 2, GNTMAP_host_map).status, GNTST_general_error);
    active->writers[GRANT_HOST] = 1;
    assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_okay);
}

static void test_handles_end(void **state)
{
    granted_frame(0);
    unsigned count = MAPPINGS_PER_PAGE;

    (void)state;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(map_at(REF, 0, GNTMAP_device_map).status, GNTST_okay);
    assert_int_equal(map_at(REF, 0, GNTMAP_device_map).status, GNTST_no_device_space);
    assert_int_equal(unmap(count, 0, 0), GNTST_bad_handle);
    assert_int_equal(unmap(UINT32_MAX, 0, 0), GNTST_bad_handle);
    uint64_t bus = mfn_to_physical(mfn(entry_of(GRANTER, REF)->frame));
    assert_int_equal(unmap(17, 0, bus), GNTST_okay);
    struct gnttab_map_grant_ref again = map_at(REF, 0, GNTMAP_device_map);
    assert_int_equal(again.status, GNTST_okay);
    assert_int_equal(again.handle, 17);
}

static void test_replace(void **state)
{
    struct frame *frame = granted_frame(0);
    struct gnttab_unmap_and_replace operation = {.host_addr = 1, .new_addr = 2};

    (void)state;
    struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map);
    places[1] = PTE_PRESENT | 0x1000;
    operation.handle = mapping.handle;
    grant_unmap_and_replace(&domains[MAPPER], &operation);
    assert_int_equal(operation.status, GNTST_okay);
    assert_int_equal(places[0], PTE_PRESENT | 0x1000);
    assert_int_equal(places[1], 0);
    assert_int_equal(references(frame), 1);
}

/* The frames of a granter that dies live until the last mapping goes. */
static void test_granter_dies(void **state)
{
    struct frame *frame = granted_frame(0);
    uint64_t free_before;

    (void)state;
    struct gnttab_map_grant_ref mapping = map(GNTMAP_host_map);
    assert_true(frame_release(frame));
    free_before = heap_free_count();
    grant_table_release(&domains[GRANTER]);
    assert_int_equal(heap_free_count(), free_before + 1); /* the table's own frame */
    assert_int_equal(references(frame), 1);
    assert_int_equal(map_at(REF, 2, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(grant_table_grow(&domains[GRANTER], 2), -XEN_EINVAL);
    assert_int_equal(unmap(mapping.handle, 1, 0), GNTST_okay);
    assert_int_equal(references(frame), 0);
    assert_int_equal(heap_free_count(), free_before + 2);
}

static void test_mapper_dies(void **state)
{
    struct frame *frame = granted_frame(0);

    (void)state;
    map(GNTMAP_host_map | GNTMAP_device_map);
    assert_int_equal(map_at(REF, 2, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_okay);
    assert_int_equal(references(frame), 4);
    grant_release_mappings(&domains[MAPPER]);
    assert_int_equal(references(frame), 1);
    assert_int_equal(writers(frame), 0);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access);
}

static struct gnttab_copy copy_of(uint16_t length)
{
    return (struct gnttab_copy){
        .source = {.u.ref = REF, .domid = GRANTER},
        .dest = {.domid = DOMID_SELF},
        .len = length,
        .flags = GNTCOPY_source_gref,
    };
}

static int16_t copy(struct gnttab_copy operation)
{
    grant_copy(&domains[MAPPER], &operation);
    return operation.status;
}

static void test_copy(void **state)
{
    struct frame *granted = granted_frame(0), *own = machine_frame(&domains[MAPPER]);
    char *source = (char *)machine_entries(granted), *target = (char *)machine_entries(own);
    struct gnttab_copy operation = copy_of(100);

    (void)state;
    memset(target, 0, PAGE_SIZE);
    strcpy(source + 50, "text");
    operation.source.offset = 50;
    operation.dest.offset = PAGE_SIZE - 100;
    operation.dest.u.gmfn = frame_to_mfn(own).value;
    assert_int_equal(copy(operation), GNTST_okay);
    assert_string_equal(target + PAGE_SIZE - 100, "text");

    strcpy(target, "back");
    struct gnttab_copy back = {
        .source = {.u.gmfn = frame_to_mfn(own).value, .domid = DOMID_SELF},
        .dest = {.u.ref = REF, .domid = GRANTER},
        .len = 5,
        .flags = GNTCOPY_dest_gref,
    };
    assert_int_equal(copy(back), GNTST_okay);
    assert_string_equal(source, "back");
    assert_int_equal(references(granted), 1);
    assert_int_equal(references(own), 1);
    assert_int_equal(entry_of(GRANTER, REF)->flags, GTF_permit_access);
}

static void test_copy_refusals(void **state)
{
    struct frame *granted = granted_frame(GTF_readonly), *own = machine_frame(&domains[MAPPER]);
    struct gnttab_copy good = copy_of(PAGE_SIZE), bad;

    (void)state;
    good.dest.u.gmfn = frame_to_mfn(own).value;
    assert_int_equal(copy(good), GNTST_okay);
    bad = good, bad.source.offset = 1;
    assert_int_equal(copy(bad), GNTST_bad_copy_arg);
    bad = good, bad.dest.offset = UINT16_MAX;
    assert_int_equal(copy(bad), GNTST_bad_copy_arg);
    bad = good, bad.len = UINT16_MAX;
    assert_int_equal(copy(bad), GNTST_bad_copy_arg);
    bad = good, bad.source.domid = NOBODY;
    assert_int_equal(copy(bad), GNTST_bad_domain);
    bad = good, bad.source.u.ref = UINT32_MAX;
    assert_int_equal(copy(bad), GNTST_bad_gntref);
    bad = good, bad.dest.domid = GRANTER;
    assert_int_equal(copy(bad), GNTST_permission_denied);
    bad = good, bad.dest.u.gmfn = frame_to_mfn(granted).value;
    assert_int_equal(copy(bad), GNTST_bad_page);
    bad = good, bad.dest.u.gmfn = ~0UL;
    assert_int_equal(copy(bad), GNTST_bad_page);
    bad = good, bad.dest = good.source, bad.flags |= GNTCOPY_dest_gref;
    assert_int_equal(copy(bad), GNTST_general_error); /* granted for reading only */
    assert_int_equal(references(granted), 1);
    assert_int_equal(references(own), 1);
}

static void random_operation(struct gnttab_map_grant_ref *mapping, bool *mapped, uint64_t place)
{
    uint32_t flags =
        (uint32_t)(rand() % 8) & (GNTMAP_host_map | GNTMAP_device_map | GNTMAP_readonly);

    if (!*mapped) {
        *mapping = map_at(REF + (grant_ref_t)(rand() % 4), place, flags);
        *mapped = mapping->status == GNTST_okay;
        return;
    }
    uint64_t wrong = (uint64_t)(rand() % PLACES) + 1;
    unmap(mapping->handle, rand() % 2 ? place : wrong, rand() % 2 ? mapping->dev_bus_addr : 0);
    if (rand() % 4 == 0) {
        unmap(mapping->handle, place, mapping->dev_bus_addr);
        *mapped = false;
    }
}

/* The granter changes its entries all the time, too. */
static void test_random_operations(void **state)
{
    struct gnttab_map_grant_ref mappings[PLACES];
    bool mapped[PLACES] = {false};
    struct frame *frames[4];

    (void)state;
    srand(1);
    for (unsigned i = 0; i < 4; i++)
        frames[i] = machine_frame(&domains[GRANTER]);
    for (unsigned i = 0; i < MANY; i++) {
        unsigned place = (unsigned)rand() % PLACES;
        if (rand() % 4 == 0)
            grant(frames[rand() % 4], REF + (grant_ref_t)(rand() % 4),
                  rand() % 2 ? GTF_readonly : 0);
        random_operation(&mappings[place], &mapped[place], place + 1);
        if (i % 1000 == 0)
            machine_audit();
    }
    grant_release_mappings(&domains[MAPPER]);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(references(frames[i]), 1);
        assert_int_equal(writers(frames[i]), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_map_writable),
        TEST(test_map_readonly),
        TEST(test_several_mappings),
        TEST(test_host_and_device),
        TEST(test_device_only),
        TEST(test_unmap_through_another_entry),
        TEST(test_map_refusals),
        TEST(test_frames_that_cannot_be_granted),
        TEST(test_entry_changed_while_mapped),
        TEST(test_one_user_at_a_time),
        TEST(test_counts_do_not_overflow),
        TEST(test_handles_end),
        TEST(test_replace),
        TEST(test_granter_dies),
        TEST(test_mapper_dies),
        TEST(test_copy),
        TEST(test_copy_refusals),
        TEST(test_random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
