/* SPDX-License-Identifier: MIT */
/* What boot loaders hand over, right and wrong, in both protocols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <xen/errno.h>

#include "boot/boot_info.h"
#include "boot/boot_physical.h"
#include "boot/multiboot.h"
#include "hypervisor/io/console.h"

#define MEMORY_SIZE 65536

/* The machine's memory: whatever lies behind it does not exist. */
static uint8_t memory[MEMORY_SIZE] __attribute__((aligned(8)));

const void *boot_physical(uint64_t address, uint64_t size)
{
    return size && size <= MEMORY_SIZE && address <= MEMORY_SIZE - size ? memory + address : NULL;
}

void printk(const char *format, ...)
{
    (void)format;
}

static int clear(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    return 0;
}

static struct multiboot1_info *info1(void)
{
    return (struct multiboot1_info *)(memory + 0x1000);
}

static void put_range1(unsigned index, uint64_t start, uint64_t length, uint32_t type)
{
    struct multiboot1_range range = {20, start, length, type};
    memcpy(memory + 0x2000 + index * sizeof(range), &range, sizeof(range));
    info1()->flags |= MULTIBOOT1_MEMORY_MAP;
    info1()->memory_map = 0x2000;
    info1()->memory_map_size = (index + 1) * (uint32_t)sizeof(range);
}

static void put_strings1(const char *loader, const char *command_line, const char *module)
{
    const struct multiboot1_module entry = {0x8000, 0x9000, 0x3400, 0};

    strcpy((char *)memory + 0x3000, loader);
    strcpy((char *)memory + 0x3200, command_line);
    strcpy((char *)memory + 0x3400, module);
    memcpy(memory + 0x3600, &entry, sizeof(entry));
    info1()->flags |= MULTIBOOT1_LOADER | MULTIBOOT1_COMMAND_LINE | MULTIBOOT1_MODULES;
    info1()->loader = 0x3000;
    info1()->command_line = 0x3200;
    info1()->module_count = 1;
    info1()->modules = 0x3600;
}

static void test_qemu(void **state)
{
    (void)state;
    put_range1(0, 0, 0x9fc00, 1);
    put_range1(1, 0x100000, 0x7ee0000, 1);
    put_strings1("qemu", "bonsai.elf console=com1 noreboot", "dir/hello.elf  a b");
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_string_equal(boot_info.command_line, "console=com1 noreboot");
    assert_string_equal(boot_info.modules[0].command_line, "a b");
    assert_int_equal(boot_info.modules[0].start, 0x8000);
    assert_int_equal(boot_info.modules[0].end, 0x9000);
    assert_int_equal(boot_info.range_count, 2);
    assert_int_equal(boot_info.ranges[1].size, 0x7ee0000);
}

/* GRUB 2 gives the arguments alone; what looks like a path stays. */
static void test_grub2_keeps_first_word(void **state)
{
    (void)state;
    put_range1(0, 0, 0x9fc00, 1);
    put_strings1("GRUB 2.06-13", "console=com1 noreboot", "/path a b");
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_string_equal(boot_info.command_line, "console=com1 noreboot");
    assert_string_equal(boot_info.modules[0].command_line, "/path a b");
    put_strings1("GNU GRUB 0.97", "/bonsai noreboot", "/path");
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_string_equal(boot_info.command_line, "noreboot");
    assert_string_equal(boot_info.modules[0].command_line, "");
}

static void test_without_map(void **state)
{
    (void)state;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), -XEN_ENOMEM);
    info1()->flags = MULTIBOOT1_MEMORY;
    info1()->memory_lower = 639;
    info1()->memory_upper = 1024;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(boot_info.ranges[1].start, 0x100000);
    assert_int_equal(boot_info.ranges[1].size, 0x100000);
}

static void test_bad_magic_and_place(void **state)
{
    (void)state;
    assert_int_equal(boot_info_parse(0, 0x1000), -XEN_EINVAL);
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, MEMORY_SIZE - 8), -XEN_EFAULT);
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, MEMORY_SIZE), -XEN_EFAULT);
}

/* An entry that claims to be huge or empty ends the map, and never loops. */
static void test_bad_map_entry_size(void **state)
{
    (void)state;
    put_range1(0, 0, 0x9fc00, 1);
    put_range1(1, 0x100000, 0x100000, 1);
    put_range1(2, 0x200000, 0x100000, 1);
    memory[0x2000 + 24] = 0;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(boot_info.range_count, 2);
    memset(memory + 0x2000 + 24, 0xff, 4);
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(boot_info.range_count, 2);
}

static void test_module_limits(void **state)
{
    (void)state;
    put_range1(0, 0, 0x9fc00, 1);
    put_strings1("qemu", "x", "y");
    for (unsigned i = 0; i < 20; i++)
        memcpy(memory + 0x3600 + 16 * i, memory + 0x3600, 16);
    info1()->module_count = 20;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(boot_info.module_count, BOOT_MODULE_MAX);
    /* One that ends before it begins, one beyond memory: neither is taken. */
    info1()->module_count = 1;
    ((struct multiboot1_module *)(memory + 0x3600))->end = 0x100;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(boot_info.module_count, 0);
    ((struct multiboot1_module *)(memory + 0x3600))->end = 0xfffff000;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(boot_info.module_count, 0);
}

static void test_string_runs_out_of_memory(void **state)
{
    (void)state;
    put_range1(0, 0, 0x9fc00, 1);
    put_strings1("qemu", "x", "y");
    memset(memory + MEMORY_SIZE - 16, 'a', 16);
    info1()->command_line = MEMORY_SIZE - 16;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_string_equal(boot_info.command_line, "");
}

static void test_long_string_is_truncated(void **state)
{
    (void)state;
    put_range1(0, 0, 0x9fc00, 1);
    put_strings1("GRUB 2.06", "", "");
    memset(memory + 0x9000, 'a', 2000);
    info1()->command_line = 0x9000;
    assert_int_equal(boot_info_parse(MULTIBOOT1_HANDOVER, 0x1000), 0);
    assert_int_equal(strlen(boot_info.command_line), BOOT_TEXT_MAX - 1);
}

/* Multiboot 2: tags appended one after the other. */
static uint32_t tags_end;

static void tag_put(uint32_t type, const void *payload, uint32_t size)
{
    struct multiboot2_tag tag = {type, 8 + size};
    memcpy(memory + tags_end, &tag, sizeof(tag));
    memcpy(memory + tags_end + 8, payload, size);
    tags_end = (tags_end + tag.size + 7) & ~7U;
    *(uint32_t *)(memory + 0x1000) = tags_end - 0x1000;
}

static void tags_begin(void)
{
    tags_end = 0x1008;
}

static void put_map2(void)
{
    struct {
        uint32_t entry_size, version;
        struct multiboot2_range ranges[2];
    } map = {24, 0, {{0, 0x9f000, 1, 0}, {0x100000, 0x1000000, 1, 0}}};
    tag_put(MULTIBOOT2_MEMORY_MAP, &map, sizeof(map));
}

static void test_multiboot2(void **state)
{
    (void)state;
    struct {
        uint32_t start, end;
        char text[8];
    } module = {0x4000, 0x5000, "one two"};
    char rsdp[36] = "RSD PTR ";

    tags_begin();
    tag_put(MULTIBOOT2_LOADER, "GRUB 2.06", 10);
    tag_put(MULTIBOOT2_COMMAND_LINE, "a=1 b", 6);
    tag_put(MULTIBOOT2_MODULE, &module, sizeof(module));
    rsdp[15] = 2;
    tag_put(MULTIBOOT2_RSDP2, rsdp, 36);
    rsdp[15] = 0;
    tag_put(MULTIBOOT2_RSDP1, rsdp, 20);
    put_map2();
    tag_put(MULTIBOOT2_END, "", 0);
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, 0x1000), 0);
    assert_string_equal(boot_info.command_line, "a=1 b");
    assert_string_equal(boot_info.modules[0].command_line, "one two");
    assert_int_equal(boot_info.modules[0].end, 0x5000);
    assert_int_equal(boot_info.range_count, 2);
    assert_true(boot_info.rsdp_copied);
    assert_int_equal(boot_info.rsdp_copy[15], 2);
}

static void test_multiboot2_bad_tags(void **state)
{
    (void)state;
    tags_begin();
    put_map2();
    /* No end tag inside the stated size. */
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, 0x1000), -XEN_EINVAL);
    /* A tag of size zero must not loop, one beyond the end must not be read. */
    ((struct multiboot2_tag *)(memory + 0x1008))->size = 0;
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, 0x1000), -XEN_EINVAL);
    ((struct multiboot2_tag *)(memory + 0x1008))->size = 0xfffffff0;
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, 0x1000), -XEN_EINVAL);
    /* A size of the whole that leads out of memory. */
    *(uint32_t *)(memory + 0x1000) = 0xffffffff;
    ((struct multiboot2_tag *)(memory + 0x1008))->size = MEMORY_SIZE - 0x1008;
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, 0x1000), -XEN_EFAULT);
}

static void test_multiboot2_small_entries(void **state)
{
    (void)state;
    uint32_t map[4] = {0, 0, 0, 0};

    tags_begin();
    tag_put(MULTIBOOT2_MEMORY_MAP, map, sizeof(map));
    tag_put(MULTIBOOT2_END, "", 0);
    assert_int_equal(boot_info_parse(MULTIBOOT2_HANDOVER, 0x1000), -XEN_ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_qemu, clear),
        cmocka_unit_test_setup(test_grub2_keeps_first_word, clear),
        cmocka_unit_test_setup(test_without_map, clear),
        cmocka_unit_test_setup(test_bad_magic_and_place, clear),
        cmocka_unit_test_setup(test_bad_map_entry_size, clear),
        cmocka_unit_test_setup(test_module_limits, clear),
        cmocka_unit_test_setup(test_string_runs_out_of_memory, clear),
        cmocka_unit_test_setup(test_long_string_is_truncated, clear),
        cmocka_unit_test_setup(test_multiboot2, clear),
        cmocka_unit_test_setup(test_multiboot2_bad_tags, clear),
        cmocka_unit_test_setup(test_multiboot2_small_entries, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
