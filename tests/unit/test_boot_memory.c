/* SPDX-License-Identifier: MIT */
/* The start-up allocator: what is in use stays out, nothing is given twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "boot/boot_info.h"
#include "hypervisor/memory/boot_memory.h"

#define MIB       (1UL << 20)
#define GIB       (1UL << 30)
#define IMAGE_END (IMAGE_PHYSICAL + 0x40000)

struct boot_info boot_info;

static void range(uint64_t start, uint64_t end, uint32_t type)
{
    boot_info.ranges[boot_info.range_count++] = (struct boot_range){start, end - start, type};
}

static int make_pc(void **state)
{
    (void)state;
    memset(&boot_info, 0, sizeof(boot_info));
    range(0, 0x9fc00, 1);
    range(0xf0000, MIB, 2);
    range(MIB, 3 * GIB - 0x20000, 1);
    range(3 * GIB - 0x20000, 3 * GIB, 2);
    range(4 * GIB, 6 * GIB, 1);
    boot_info.module_count = 2;
    boot_info.modules[0].start = 0x5000;
    boot_info.modules[0].end = 0x5100;
    boot_info.modules[1].start = 16 * MIB;
    boot_info.modules[1].end = 20 * MIB + 1;
    boot_memory_start(IMAGE_END);
    return 0;
}

static uint64_t sum_free(void)
{
    uint64_t sum = 0;
    for (uint64_t position = 0, start, end; boot_memory_next(&position, &start, &end);) {
        assert_true(start >= MIB && start < end);
        assert_true(end <= IMAGE_PHYSICAL || start >= IMAGE_END);
        assert_true(end <= 16 * MIB || start >= 20 * MIB + PAGE_SIZE);
        sum += end - start;
    }
    return sum;
}

static void test_what_is_free(void **state)
{
    (void)state;
    assert_int_equal(sum_free(), 3 * GIB - 0x20000 - MIB + 2 * GIB - 0x40000 - 4 * MIB - PAGE_SIZE);
}

static void test_allocations_are_disjoint(void **state)
{
    (void)state;
    uint64_t before = sum_free(), taken = 0;
    uint64_t previous[64];

    for (unsigned i = 0; i < 64; i++) {
        uint64_t size = (i % 5 + 1) * PAGE_SIZE, alignment = i % 3 ? PAGE_SIZE : 2 * MIB;
        uint64_t limit = i % 2 ? ~0UL : 4 * GIB;
        previous[i] = boot_memory_allocate(size, alignment, limit);
        assert_int_not_equal(previous[i], BOOT_MEMORY_NONE);
        assert_int_equal(previous[i] % alignment, 0);
        assert_true(previous[i] + size <= limit);
        taken += size;
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(previous[i], previous[j]);
        assert_int_equal(sum_free(), before - taken);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    assert_int_equal(boot_memory_allocate(3 * GIB, PAGE_SIZE, ~0UL), BOOT_MEMORY_NONE);
    assert_int_equal(boot_memory_allocate(PAGE_SIZE, PAGE_SIZE, MIB), BOOT_MEMORY_NONE);
    assert_int_not_equal(boot_memory_allocate(2 * GIB, PAGE_SIZE, ~0UL), BOOT_MEMORY_NONE);
}

/* Firmware maps overlap at times: what is not RAM wins. */
static void test_overlapping_map(void **state)
{
    (void)state;
    memset(&boot_info, 0, sizeof(boot_info));
    range(MIB, 64 * MIB, 1);
    range(32 * MIB + 5, 33 * MIB, 2);
    boot_memory_start(IMAGE_END);
    for (uint64_t position = 0, start, end; boot_memory_next(&position, &start, &end);)
        assert_true(end <= 32 * MIB || start >= 33 * MIB);
}

static void test_described(void **state)
{
    (void)state;
    assert_true(boot_memory_described(MIB, 2 * GIB, 1 << 1));
    assert_false(boot_memory_described(MIB, 3 * GIB, 1 << 1));
    assert_true(boot_memory_described(MIB, 3 * GIB, 1 << 1 | 1 << 2));
    assert_false(boot_memory_described(2 * GIB, 5 * GIB, 1 << 1 | 1 << 2));
    assert_true(boot_memory_touches_ram(3 * GIB, 5 * GIB));
    assert_false(boot_memory_touches_ram(3 * GIB, 4 * GIB));
    assert_int_equal(boot_memory_end(), 6 * GIB);
}

static void test_low_page_avoids_modules(void **state)
{
    (void)state;
    assert_int_equal(boot_memory_low_page(), 0x9e000);
    boot_info.modules[0].start = 0x9e000;
    boot_info.modules[0].end = 0x9f000;
    assert_int_equal(boot_memory_low_page(), 0x9d000);
    boot_info.ranges[0].size = 0x800;
    assert_int_equal(boot_memory_low_page(), BOOT_MEMORY_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_free, make_pc),
        cmocka_unit_test_setup(test_allocations_are_disjoint, make_pc),
        cmocka_unit_test_setup(test_too_large, make_pc),
        cmocka_unit_test_setup(test_overlapping_map, make_pc),
        cmocka_unit_test_setup(test_described, make_pc),
        cmocka_unit_test_setup(test_low_page_avoids_modules, make_pc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
