/* SPDX-License-Identifier: MIT */
/*
 * The layout of a new domain: regions in order and without overlap, tables that map exactly what
 * they should, and every page table read-only, for kernels of all kinds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pv_layout.h"

#define BASE   UINT64_C(0xffffffff80000000)
#define MIB(n) ((uint64_t)(n) << 8) /* in pages */

static struct elf_kernel kernel;
static struct pv_layout layout;

static int make_kernel(void **state)
{
    (void)state;
    kernel = (struct elf_kernel){.virt_base = BASE,
                                 .start = BASE + 0x100000,
                                 .end = BASE + 0x123456,
                                 .entry = BASE + 0x100000,
                                 .hypercall_page = BASE + 0x101000,
                                 .init_p2m = ELF_NO_ADDRESS};
    return 0;
}

static enum pv_layout_error compute(uint64_t pages, uint64_t initrd, bool initial)
{
    struct pv_layout_request request = {
        .kernel = &kernel, .nr_pages = pages, .initrd_size = initrd, .initial_domain = initial};
    return pv_layout_compute(&request, &layout);
}

/* Translate as the processor does, through the tables as the layout enumerates them. */
static bool translate(uint64_t address, struct pv_entry *entry)
{
    struct pv_table table;
    assert_true(pv_layout_table(&layout, 0, &table));
    assert_int_equal(table.level, 4);
    for (;;) {
        unsigned index = address >> (3 + 9 * table.level) & 511;
        if (!pv_layout_entry(&layout, &table, index, entry))
            return false;
        if (table.level == 1)
            return true;
        unsigned below = table.level - 1;
        uint64_t number = 0;
        do {
            assert_true(pv_layout_table(&layout, number++, &table));
        } while (table.pfn != entry->pfn);
        assert_int_equal(table.level, below);
    }
}

static bool is_table(uint64_t pfn)
{
    struct pv_table table;
    for (uint64_t i = 0; pv_layout_table(&layout, i, &table); i++) {
        if (table.pfn == pfn)
            return true;
    }
    return false;
}

static void check_region(const struct pv_region *region)
{
    struct pv_entry entry;
    uint64_t step = region->pages > 64 ? region->pages / 61 : 1;
    for (uint64_t i = 0; i < region->pages; i += step) {
        assert_true(translate(region->address + (i << 12), &entry));
        assert_int_equal(entry.pfn, region->pfn + i);
        assert_int_equal(entry.writable, !is_table(entry.pfn));
    }
}

/* Count all entries: as many pages as the regions have, and each table referenced once. */
static void check_tables(void)
{
    struct pv_table table;
    struct pv_entry entry;
    uint64_t mapped = 0, referenced = 0, read_only = 0, number;
    for (number = 0; pv_layout_table(&layout, number, &table); number++) {
        for (unsigned i = 0; i < 512; i++) {
            if (!pv_layout_entry(&layout, &table, i, &entry))
                continue;
            if (table.level == 1) {
                mapped++;
                read_only += !entry.writable;
            } else {
                referenced++;
                assert_true(is_table(entry.pfn));
            }
        }
    }
    assert_int_equal(number, layout.table_count);
    assert_int_equal(number, layout.tables.pages + layout.p2m_tables.pages);
    assert_int_equal(referenced, number - 1);
    assert_int_equal(read_only, layout.tables.pages);
    bool own_p2m = kernel.init_p2m != ELF_NO_ADDRESS;
    assert_int_equal(mapped, layout.mapping.pages + (own_p2m ? layout.p2m.pages : 0));
}

/* What holds for every layout. */
static void check_layout(void)
{
    uint64_t end = layout.mapping.address + (layout.mapping.pages << 12);
    assert_int_equal(layout.mapping.pfn, 0);
    assert_int_equal(end & 0x3fffff, 0);
    assert_true(end - layout.stack_top >= 512 << 10);
    assert_true(end - layout.stack_top < (4 << 20) + (512 << 10));
    assert_true(layout.pages_needed <= layout.nr_pages);
    assert_int_equal(layout.stack_top, layout.stack.address + 4096);
    assert_int_equal(layout.stack.address, layout.tables.address + (layout.tables.pages << 12));
    check_region(&layout.mapping);
    check_region(&layout.p2m);
    check_region(&layout.tables);
    check_tables();
}

static void test_initial_domain(void **state)
{
    (void)state;
    assert_int_equal(compute(MIB(64), 0x5001, true), PV_LAYOUT_OK);
    check_layout();
    assert_int_equal(layout.kernel.pfn, 0x100);
    assert_int_equal(layout.kernel.pages, 0x24);
    assert_int_equal(layout.initrd.pfn, 0x124);
    assert_int_equal(layout.initrd.address, BASE + 0x124000);
    assert_int_equal(layout.initrd.pages, 6);
    assert_int_equal(layout.p2m.pfn, 0x12a);
    assert_int_equal(layout.p2m.pages, 32);
    assert_int_equal(layout.start_info.pfn, 0x14a);
    assert_int_equal(layout.store.pages, 0);
    assert_int_equal(layout.tables.pfn, 0x14b);
    assert_int_equal(layout.tables.pages, 5); /* two level-1 tables */
    assert_int_equal(layout.mapping.pages, MIB(4));
    assert_int_equal(layout.pages_needed, MIB(4));

    struct start_info info = {.flags = SIF_INITDOMAIN};
    pv_layout_start_info(&layout, &info);
    assert_string_equal(info.magic, "xen-3.0-x86_64");
    assert_int_equal(info.nr_pages, MIB(64));
    assert_int_equal(info.pt_base, BASE + 0x14b000);
    assert_int_equal(info.nr_pt_frames, 5);
    assert_int_equal(info.mfn_list, BASE + 0x12a000);
    assert_int_equal(info.mod_start, BASE + 0x124000);
    assert_int_equal(info.mod_len, 0x5001);
    assert_int_equal(info.nr_p2m_frames, 0);
    assert_int_equal(info.flags, SIF_INITDOMAIN);
}

static void test_other_domain(void **state)
{
    (void)state;
    assert_int_equal(compute(MIB(16), 0, false), PV_LAYOUT_OK);
    check_layout();
    assert_int_equal(layout.initrd.pages, 0);
    assert_int_equal(layout.store.pfn, layout.start_info.pfn + 1);
    assert_int_equal(layout.console.pfn, layout.start_info.pfn + 2);
    assert_int_equal(layout.tables.pfn, layout.start_info.pfn + 3);
    struct start_info info = {0};
    pv_layout_start_info(&layout, &info);
    assert_int_equal(info.mod_start, 0);
    assert_int_equal(info.mod_len, 0);
}

static void test_unmapped(void **state)
{
    (void)state;
    kernel.initrd_unmapped = true;
    kernel.init_p2m = UINT64_C(0x8000000000);
    assert_int_equal(compute(MIB(1024), 100 << 20, true), PV_LAYOUT_OK);
    check_layout();
    assert_int_equal(layout.initrd.address, 0);
    assert_int_equal(layout.initrd.pfn, layout.mapping.pages);
    assert_int_equal(layout.p2m.address, 0x8000000000);
    assert_int_equal(layout.p2m.pages, 512);
    assert_int_equal(layout.p2m.pfn, layout.initrd.pfn + MIB(100));
    assert_int_equal(layout.p2m_tables.pages, 3);
    assert_int_equal(layout.p2m_tables.pfn, layout.p2m.pfn + 512);
    struct start_info info = {0};
    pv_layout_start_info(&layout, &info);
    assert_int_equal(info.mod_start, layout.initrd.pfn);
    assert_int_equal(info.first_p2m_pfn, layout.p2m.pfn);
    assert_int_equal(info.nr_p2m_frames, 515);
    assert_int_equal(info.mfn_list, 0x8000000000);
    assert_int_equal(info.flags, SIF_MOD_START_PFN);
}

/* A map at any distance from the kernel shares the right tables with it. */
static void test_shared_tables(void **state)
{
    (void)state;
    const uint64_t addresses[] = {
        BASE + (1 << 30),   BASE + (5 << 20), BASE + (4 << 20),   BASE - (2 << 20),
        BASE - (40 << 20),  BASE - 0x11000,   UINT64_C(0x100000), BASE - (UINT64_C(600) << 30),
        UINT64_C(0x1ff000),
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        kernel.init_p2m = addresses[i];
        assert_int_equal(compute(MIB(32), 0, true), PV_LAYOUT_OK);
        check_layout();
    }
}

/* Mapped whole, with the tables for that, as long as the slack behind the stack is left. */
static void test_small_domain(void **state)
{
    (void)state;
    for (uint64_t pages = MIB(2); pages < MIB(4); pages++) {
        assert_int_equal(compute(pages, 0, false), PV_LAYOUT_OK);
        assert_int_equal(layout.mapping.pages, pages);
        assert_true(layout.stack.pfn + 1 + (512 >> 2) <= pages);
        check_region(&layout.tables);
        check_tables();
    }
}

/* Sizes around each point at which one more table is needed. */
static void test_sizes(void **state)
{
    (void)state;
    for (uint64_t pages = MIB(8); pages < MIB(12); pages += 13) {
        kernel.end = BASE + 0x100000 + (pages - MIB(7)) * 0x1000;
        assert_int_equal(compute(pages + MIB(8), 0, pages & 1), PV_LAYOUT_OK);
        check_layout();
    }
    make_kernel(NULL);
    assert_int_equal(compute(MIB(16384), 300 << 20, true), PV_LAYOUT_OK);
    check_layout();
}

static void test_low_base(void **state)
{
    (void)state;
    kernel.virt_base = 0;
    kernel.start = kernel.entry = 0;
    kernel.end = 0x3ff000;
    assert_int_equal(compute(MIB(16), 1, false), PV_LAYOUT_OK);
    check_layout();
    kernel.virt_base = 0x7ff000; /* not aligned to a table */
    kernel.start = kernel.entry = 0x7ff000;
    kernel.end = 0x801000;
    assert_int_equal(compute(MIB(16), 1, false), PV_LAYOUT_OK);
    check_layout();
}

static void test_memory_errors(void **state)
{
    (void)state;
    assert_int_equal(compute(0, 0, true), PV_LAYOUT_MEMORY);
    assert_int_equal(compute(1, 0, true), PV_LAYOUT_MEMORY);
    assert_int_equal(compute(MIB(1), 0, true), PV_LAYOUT_MEMORY);
    assert_int_equal(layout.pages_needed, MIB(4));
    assert_int_equal(compute(MIB(4), 0, true), PV_LAYOUT_OK);
    assert_int_equal(compute(MIB(4), 3 << 20, true), PV_LAYOUT_MEMORY);
    assert_int_equal(layout.pages_needed, MIB(8));
    assert_int_equal(compute(MIB(4), 100 << 20, true), PV_LAYOUT_MEMORY);
    assert_int_equal(layout.pages_needed, MIB(104));
    assert_int_equal(compute(MIB(4), UINT64_MAX, true), PV_LAYOUT_MEMORY);
    assert_true(layout.pages_needed > UINT64_MAX >> 12);
    assert_int_equal(compute(UINT64_MAX, 0, true), PV_LAYOUT_TOO_LARGE);
    kernel.initrd_unmapped = true;
    assert_int_equal(compute(MIB(8), (4 << 20) + 1, true), PV_LAYOUT_MEMORY);
    assert_int_equal(compute(MIB(8), 4 << 20, true), PV_LAYOUT_OK);
    kernel.init_p2m = 0x8000000000;
    assert_int_equal(compute(MIB(8), 4 << 20, true), PV_LAYOUT_MEMORY);
    assert_int_equal(layout.pages_needed, MIB(8) + 4 + 3);
}

static enum pv_layout_error compute_at(uint64_t base, uint64_t size)
{
    kernel.virt_base = kernel.start = kernel.entry = base;
    kernel.end = base + size;
    return compute(MIB(64), 0, true);
}

static void test_address_errors(void **state)
{
    (void)state;
    assert_int_equal(compute_at(HYPERVISOR_VIRT_START, 0x1000), PV_LAYOUT_RESERVED);
    assert_int_equal(compute_at(HYPERVISOR_VIRT_END - 0x1000, 0x1000), PV_LAYOUT_RESERVED);
    assert_int_equal(compute_at(HYPERVISOR_VIRT_END, 0x1000), PV_LAYOUT_OK);
    assert_int_equal(compute_at(UINT64_C(0x800000000000), 0x1000), PV_LAYOUT_ADDRESS);
    assert_int_equal(compute_at(UINT64_C(0x7fffffff0000), 0x1000), PV_LAYOUT_ADDRESS);
    assert_int_equal(compute_at(UINT64_C(0x7ffffffff000), 0x2000), PV_LAYOUT_ADDRESS);
    assert_int_equal(compute_at(-UINT64_C(0x400000), 0x1000), PV_LAYOUT_OK);
    check_layout();
    assert_int_equal(compute_at(-UINT64_C(0x10000), 0x1000), PV_LAYOUT_ADDRESS);
    make_kernel(NULL);
    kernel.init_p2m = BASE + 0x200000;
    assert_int_equal(compute(MIB(64), 0, true), PV_LAYOUT_P2M);
    kernel.init_p2m = BASE - 0x10000;
    assert_int_equal(compute(MIB(64), 0, true), PV_LAYOUT_P2M);
    kernel.init_p2m = HYPERVISOR_VIRT_START;
    assert_int_equal(compute(MIB(64), 0, true), PV_LAYOUT_RESERVED);
    kernel.init_p2m = UINT64_C(0x7fffffffe000);
    assert_int_equal(compute(MIB(64), 0, true), PV_LAYOUT_ADDRESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_initial_domain, make_kernel),
        cmocka_unit_test_setup(test_other_domain, make_kernel),
        cmocka_unit_test_setup(test_unmapped, make_kernel),
        cmocka_unit_test_setup(test_shared_tables, make_kernel),
        cmocka_unit_test_setup(test_sizes, make_kernel),
        cmocka_unit_test_setup(test_low_base, make_kernel),
        cmocka_unit_test_setup(test_small_domain, make_kernel),
        cmocka_unit_test_setup(test_memory_errors, make_kernel),
        cmocka_unit_test_setup(test_address_errors, make_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
