/* SPDX-License-Identifier: MIT */
/*
 * Disk arithmetic of the control domain: the checksum, extents (no transfer leaves its extent,
 * also at the edges of 64 bits), GPT reading (good, damaged primary, damaged both, hostile
 * fields), and the words that name a disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "pvguest/control/disk_checksum.h"
#include "pvguest/control/disk_extent.h"
#include "pvguest/control/disk_gpt.h"
#include "pvguest/control/disk_target.h"

#define SECTORS      256
#define ENTRIES_SIZE (128 * 128)
#define HEADER_BYTES 92
#define FIRST_USABLE 34
#define LAST_USABLE  (SECTORS - 34)
#define BACKUP       (SECTORS - 1)
#define BACKUP_TABLE (SECTORS - 33)

static uint8_t image[SECTORS * GPT_SECTOR_SIZE];
static uint8_t buffer[GPT_TABLE_SIZE];
static struct gpt_table table;

static void put(uint8_t *at, uint64_t value, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static int read_image(void *context, uint64_t sector, unsigned int count, void *to)
{
    uint64_t *failing = context;

    assert_true(sector + count <= SECTORS && count * GPT_SECTOR_SIZE <= GPT_TABLE_SIZE);
    if (failing != NULL && *failing == sector)
        return -XEN_EIO;
    memcpy(to, image + sector * GPT_SECTOR_SIZE, (size_t)count * GPT_SECTOR_SIZE);
    return 0;
}

static void seal(uint64_t at, uint64_t entries)
{
    uint8_t *header = image + at * GPT_SECTOR_SIZE;

    put(header + 88, disk_checksum(image + entries * GPT_SECTOR_SIZE, ENTRIES_SIZE), 4);
    put(header + 16, 0, 4);
    put(header + 16, disk_checksum(header, HEADER_BYTES), 4);
}

static void put_header(uint64_t at, uint64_t other, uint64_t entries)
{
    uint8_t *header = image + at * GPT_SECTOR_SIZE;

    memcpy(header, "EFI PART", 8);
    put(header + 8, 0x10000, 4);
    put(header + 12, HEADER_BYTES, 4);
    put(header + 24, at, 8);
    put(header + 32, other, 8);
    put(header + 40, FIRST_USABLE, 8);
    put(header + 48, LAST_USABLE, 8);
    put(header + 72, entries, 8);
    put(header + 80, 128, 4);
    put(header + 84, 128, 4);
}

static void put_partition(unsigned int number, uint64_t first, uint64_t last, const char *name)
{
    uint64_t tables[] = {2, BACKUP_TABLE};

    for (unsigned int i = 0; i < 2; i++) {
        uint8_t *entry = image + tables[i] * GPT_SECTOR_SIZE + (number - 1) * 128;

        memset(entry, 0xaf, 16);
        for (unsigned int byte = 0; byte < 16; byte++)
            entry[16 + byte] = (uint8_t)(byte + 0xa0);
        put(entry + 32, first, 8);
        put(entry + 40, last, 8);
        for (size_t at = 0; at < strlen(name); at++)
            put(entry + 56 + 2 * at, (uint8_t)name[at], 2);
    }
}

static int make_image(void **state)
{
    (void)state;
    memset(image, 0, sizeof(image));
    put_header(1, BACKUP, 2);
    put_header(BACKUP, 1, BACKUP_TABLE);
    put_partition(1, 40, 59, "demo");
    put_partition(3, 60, 60, "one sector");
    seal(1, 2);
    seal(BACKUP, BACKUP_TABLE);
    return 0;
}

static void test_checksum(void **state)
{
    (void)state;
    assert_int_equal(disk_checksum("123456789", 9), 0xcbf43926u);
    assert_int_equal(disk_checksum("", 0), 0);
}

static void test_extent(void **state)
{
    struct disk_extent extent = {.start = 100, .count = 10};
    uint64_t translated = 7;

    (void)state;
    assert_int_equal(disk_extent_translate(&extent, 0, 10, &translated), 0);
    assert_int_equal(translated, 100);
    assert_int_equal(disk_extent_translate(&extent, 9, 1, &translated), 0);
    assert_int_equal(translated, 109);
    assert_int_equal(disk_extent_translate(&extent, 9, 2, &translated), -XEN_ERANGE);
    assert_int_equal(disk_extent_translate(&extent, 10, 1, &translated), -XEN_ERANGE);
    assert_int_equal(disk_extent_translate(&extent, UINT64_MAX, 1, &translated), -XEN_ERANGE);
    assert_int_equal(disk_extent_translate(&extent, UINT64_MAX - 99, 100, &translated),
                     -XEN_ERANGE);
    assert_int_equal(disk_extent_translate(&extent, 5, UINT64_MAX, &translated), -XEN_ERANGE);
    assert_int_equal(translated, 109);
    extent = (struct disk_extent){.start = UINT64_MAX - 1, .count = UINT64_MAX};
    assert_int_equal(disk_extent_translate(&extent, 2, 1, &translated), -XEN_ERANGE);
}

static void test_extent_valid(void **state)
{
    (void)state;
    assert_true(disk_extent_valid(&(struct disk_extent){0, 256}, 256));
    assert_true(disk_extent_valid(&(struct disk_extent){255, 1}, 256));
    assert_false(disk_extent_valid(&(struct disk_extent){255, 2}, 256));
    assert_false(disk_extent_valid(&(struct disk_extent){256, 0}, 256));
    assert_false(disk_extent_valid(&(struct disk_extent){UINT64_MAX, 2}, 256));
}

static void test_extents_overlap(void **state)
{
    const struct disk_extent low = {10, 5};

    (void)state;
    assert_true(disk_extents_overlap(&low, &low));
    assert_true(disk_extents_overlap(&low, &(struct disk_extent){14, 1}));
    assert_true(disk_extents_overlap(&(struct disk_extent){0, 11}, &low));
    assert_false(disk_extents_overlap(&low, &(struct disk_extent){15, 1}));
    assert_false(disk_extents_overlap(&(struct disk_extent){0, 10}, &low));
}

static void test_gpt_good(void **state)
{
    struct gpt_partition partition;

    (void)state;
    assert_int_equal(gpt_load(&table, SECTORS, read_image, NULL, buffer), 0);
    assert_false(table.from_backup);
    assert_int_equal(gpt_partition_get(&table, 1, &partition), 0);
    assert_int_equal(partition.extent.start, 40);
    assert_int_equal(partition.extent.count, 20);
    assert_string_equal(partition.name, "demo");
    assert_string_equal(partition.guid, "a3a2a1a0-a5a4-a7a6-a8a9-aaabacadaeaf");
    assert_int_equal(gpt_partition_get(&table, 0, &partition), -XEN_ENOENT);
    assert_int_equal(gpt_partition_get(&table, 2, &partition), -XEN_ENOENT);
    assert_int_equal(gpt_partition_get(&table, 129, &partition), -XEN_ENOENT);
    assert_int_equal(gpt_find_name(&table, "one sector", &partition), 0);
    assert_int_equal(partition.number, 3);
    assert_int_equal(partition.extent.count, 1);
    assert_int_equal(gpt_find_name(&table, "nothing", &partition), -XEN_ENOENT);
    assert_int_equal(gpt_find_guid(&table, "A3A2A1A0-a5a4-a7a6-a8a9-AAABACADAEAF", &partition), 0);
    assert_int_equal(gpt_find_guid(&table, "a3a2a1a0", &partition), -XEN_ENOENT);
}

static void test_gpt_backup(void **state)
{
    struct gpt_partition partition;

    (void)state;
    image[GPT_SECTOR_SIZE + 40] ^= 1;
    assert_int_equal(gpt_load(&table, SECTORS, read_image, NULL, buffer), 0);
    assert_true(table.from_backup);
    assert_int_equal(gpt_partition_get(&table, 1, &partition), 0);
    assert_int_equal(partition.extent.start, 40);
}

static void test_gpt_damaged_entries(void **state)
{
    uint64_t unreadable = 1;

    (void)state;
    image[2 * GPT_SECTOR_SIZE + 33] ^= 1;
    assert_int_equal(gpt_load(&table, SECTORS, read_image, NULL, buffer), 0);
    assert_true(table.from_backup);
    assert_int_equal(gpt_load(&table, SECTORS, read_image, &unreadable, buffer), 0);
    image[BACKUP_TABLE * GPT_SECTOR_SIZE + 33] ^= 1;
    assert_int_equal(gpt_load(&table, SECTORS, read_image, NULL, buffer), -XEN_ENOENT);
}

/* Each field set to something absurd under a correct checksum, primary and backup alike. */
static void test_gpt_hostile(void **state)
{
    static const struct {
        unsigned int offset, size;
        uint64_t value;
    } fields[] = {
        {12, 4, 0},          {12, 4, 0xffffffff}, {24, 8, 5},   {48, 8, UINT64_MAX}, {48, 8, 2},
        {72, 8, UINT64_MAX}, {72, 8, SECTORS},    {80, 4, 0},   {80, 4, 0xffffffff}, {84, 4, 0},
        {84, 4, 0xffffffff}, {84, 4, 129},        {80, 4, 129},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        make_image(state);
        put(image + GPT_SECTOR_SIZE + fields[i].offset, fields[i].value, fields[i].size);
        put(image + BACKUP * GPT_SECTOR_SIZE + fields[i].offset, fields[i].value, fields[i].size);
        seal(1, 2);
        seal(BACKUP, BACKUP_TABLE);
        assert_int_equal(gpt_load(&table, SECTORS, read_image, NULL, buffer), -XEN_ENOENT);
    }
    assert_int_equal(gpt_load(&table, 0, read_image, NULL, buffer), -XEN_ENOENT);
    assert_int_equal(gpt_load(&table, 1, read_image, NULL, buffer), -XEN_ENOENT);
}

static void test_gpt_partition_outside(void **state)
{
    struct gpt_partition partition;

    (void)state;
    put_partition(1, FIRST_USABLE - 1, 59, "low");
    put_partition(2, 40, LAST_USABLE + 1, "high");
    put_partition(3, 60, 59, "inverted");
    seal(1, 2);
    assert_int_equal(gpt_load(&table, SECTORS, read_image, NULL, buffer), 0);
    for (unsigned int number = 1; number <= 3; number++)
        assert_int_equal(gpt_partition_get(&table, number, &partition), -XEN_EINVAL);
}

static void test_target(void **state)
{
    struct disk_target target;

    (void)state;
    assert_int_equal(disk_target_parse(&target, "phy:/dev/vda2"), 0);
    assert_int_equal(target.kind, DISK_TARGET_NUMBER);
    assert_string_equal(target.text, "vda");
    assert_int_equal(target.number, 2);
    assert_int_equal(disk_target_parse(&target, "/dev/vdb"), 0);
    assert_int_equal(target.kind, DISK_TARGET_WHOLE);
    assert_int_equal(disk_target_parse(&target, "/dev/vda@2048+4096"), 0);
    assert_int_equal(target.kind, DISK_TARGET_EXTENT);
    assert_int_equal(target.extent.start, 2048);
    assert_int_equal(target.extent.count, 4096);
    assert_int_equal(disk_target_parse(&target, "/dev/disk/by-partlabel/demo"), 0);
    assert_int_equal(target.kind, DISK_TARGET_NAME);
    assert_string_equal(target.text, "demo");
    assert_int_equal(disk_target_parse(&target, "/dev/disk/by-partuuid/ab-cd"), 0);
    assert_int_equal(target.kind, DISK_TARGET_GUID);
    assert_int_equal(disk_target_parse(&target, "file:/scratch.img"), 0);
    assert_int_equal(target.kind, DISK_TARGET_FILE);
    assert_string_equal(target.text, "scratch.img");
    assert_int_equal(disk_target_parse(&target, "scratch.img"), 0);
    assert_string_equal(target.text, "scratch.img");
}

static void test_target_refused(void **state)
{
    static const char *const wrong[] = {
        "",           "/",          "file:",      "/dev/",         "/dev/vda0",
        "/dev/vda1x", "/dev/vda@1", "/dev/vda@+", "/dev/vda@1+0",  "/dev/vda@1+2x",
        "/dev/VDA",   "/dev/1",     "/dev/vda-1", "/dev/vda65537", "/dev/disk/by-partlabel/",
    };
    struct disk_target target;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(disk_target_parse(&target, wrong[i]), -XEN_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_extent),
        cmocka_unit_test(test_extent_valid),
        cmocka_unit_test(test_extents_overlap),
        cmocka_unit_test_setup(test_gpt_good, make_image),
        cmocka_unit_test_setup(test_gpt_backup, make_image),
        cmocka_unit_test_setup(test_gpt_damaged_entries, make_image),
        cmocka_unit_test_setup(test_gpt_hostile, make_image),
        cmocka_unit_test_setup(test_gpt_partition_outside, make_image),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_target_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
