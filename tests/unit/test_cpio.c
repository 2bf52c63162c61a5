/* SPDX-License-Identifier: MIT */
/* The archive reader: files found by name, and archives that lie about their sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cpio.h"

struct archive {
    char bytes[2048];
    size_t size;
};

static void add_file(struct archive *archive, const char *name, unsigned mode, const char *data)
{
    char *cursor = archive->bytes + archive->size;
    size_t name_size = strlen(name) + 1;
    cursor += sprintf(cursor, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1,
                      mode, 0, 0, 1, 0, strlen(data), 0, 0, 0, 0, name_size, 0);
    memcpy(cursor, name, name_size);
    cursor += name_size;
    while ((cursor - archive->bytes) % 4)
        *cursor++ = 0;
    memcpy(cursor, data, strlen(data));
    cursor += strlen(data);
    while ((cursor - archive->bytes) % 4)
        *cursor++ = 0;
    archive->size = cursor - archive->bytes;
}

static void make_archive(struct archive *archive)
{
    memset(archive, 0, sizeof(*archive));
    add_file(archive, ".", 0040755, "");
    add_file(archive, "./demo.cfg", 0100644, "name=demo");
    add_file(archive, "disks", 0040755, "");
    add_file(archive, "disks/a.img", 0100644, "0123456");
    add_file(archive, "empty", 0100644, "");
    add_file(archive, "TRAILER!!!", 0, "");
}

/* The first regular file of that path. */
static bool find(const struct archive *archive, const char *path, struct cpio_file *file)
{
    size_t offset = 0;

    while (cpio_next(archive->bytes, archive->size, &offset, file) == CPIO_FILE)
        if (cpio_is_regular(file) && strcmp(file->name, cpio_name(path)) == 0)
            return true;
    return false;
}

static void test_find(void **state)
{
    (void)state;
    struct archive archive;
    struct cpio_file file;
    make_archive(&archive);
    assert_true(find(&archive, "demo.cfg", &file));
    assert_int_equal(file.size, 9);
    assert_memory_equal(file.data, "name=demo", 9);
    assert_true(find(&archive, "/disks/a.img", &file));
    assert_memory_equal(file.data, "0123456", 7);
    assert_true(find(&archive, "./disks/a.img", &file));
    assert_true(find(&archive, "empty", &file));
    assert_int_equal(file.size, 0);
    assert_false(find(&archive, "disks", &file));
    assert_false(find(&archive, "demo", &file));
}

static void test_iteration(void **state)
{
    (void)state;
    const char *names[] = {".", "demo.cfg", "disks", "disks/a.img", "empty"};
    struct archive archive;
    struct cpio_file file;
    size_t offset = 0;
    make_archive(&archive);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(cpio_next(archive.bytes, archive.size, &offset, &file), CPIO_FILE);
        assert_string_equal(file.name, names[i]);
        assert_int_equal(cpio_is_regular(&file), i != 0 && i != 2);
    }
    assert_int_equal(cpio_next(archive.bytes, archive.size, &offset, &file), CPIO_END);
}

/* Cut anywhere, from a heap block of the exact size: an error, and no byte beyond is read. */
static void test_every_length(void **state)
{
    (void)state;
    struct archive archive;
    struct cpio_file file;
    make_archive(&archive);
    for (size_t size = 0; size + 3 < archive.size; size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, archive.bytes, size);
        size_t offset = 0;
        enum cpio_result result;
        while ((result = cpio_next(copy, size, &offset, &file)) == CPIO_FILE)
            ;
        assert_int_equal(result, CPIO_BAD);
        free(copy);
    }
}

static void test_bad_fields(void **state)
{
    (void)state;
    struct archive archive;
    struct cpio_file file;
    for (size_t at = 0; at < 110; at++) {
        make_archive(&archive);
        archive.bytes[at] = at >= 6 + 8 && at < 6 + 16 ? 'x' : 'f';
        size_t offset = 0;
        while (cpio_next(archive.bytes, archive.size, &offset, &file) == CPIO_FILE)
            assert_true(offset <= archive.size + 3);
    }
    make_archive(&archive);
    memcpy(archive.bytes, "070707", 6);
    size_t offset = 0;
    assert_int_equal(cpio_next(archive.bytes, archive.size, &offset, &file), CPIO_BAD);
    assert_int_equal(offset, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_iteration),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_bad_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
