/* SPDX-License-Identifier: MIT */
#include "lib/cpio.h"

#include "lib/string.h"
#include "lib/text.h"

/* The header: magic and thirteen numbers of eight hexadecimal digits. */
#define MAGIC_SIZE  6
#define FIELD_SIZE  8
#define HEADER_SIZE (MAGIC_SIZE + 13 * FIELD_SIZE)

enum field { FIELD_MODE = 1, FIELD_FILE_SIZE = 6, FIELD_NAME_SIZE = 11 };

static bool read_field(const char *header, enum field field, uint32_t *value)
{
    const char *digits = header + MAGIC_SIZE + field * FIELD_SIZE;
    *value = 0;
    for (unsigned i = 0; i < FIELD_SIZE; i++) {
        char digit = digits[i];
        unsigned number;
        if (digit >= '0' && digit <= '9')
            number = digit - '0';
        else if (digit >= 'a' && digit <= 'f')
            number = digit - 'a' + 10;
        else if (digit >= 'A' && digit <= 'F')
            number = digit - 'A' + 10;
        else
            return false;
        *value = *value << 4 | number;
    }
    return true;
}

/* Names and data are padded so that the next thing begins at a multiple of four. */
static size_t padded(size_t offset)
{
    return (offset + 3) & ~(size_t)3;
}

const char *cpio_name(const char *name)
{
    for (;;) {
        if (name[0] == '/')
            name++;
        else if (name[0] == '.' && name[1] == '/')
            name += 2;
        else
            return name;
    }
}

enum cpio_result cpio_next(const void *archive, size_t size, size_t *offset, struct cpio_file *file)
{
    size_t start = *offset;
    if (start > size || size - start < HEADER_SIZE)
        return CPIO_BAD;
    const char *header = (const char *)archive + start;
    uint32_t mode, file_size, name_size;
    if (memcmp(header, "070701", MAGIC_SIZE) != 0 && memcmp(header, "070702", MAGIC_SIZE) != 0)
        return CPIO_BAD;
    if (!read_field(header, FIELD_MODE, &mode) ||
        !read_field(header, FIELD_FILE_SIZE, &file_size) ||
        !read_field(header, FIELD_NAME_SIZE, &name_size))
        return CPIO_BAD;

    const char *name = header + HEADER_SIZE;
    size_t left = size - start - HEADER_SIZE;
    if (name_size == 0 || name_size > left || name[name_size - 1] != 0)
        return CPIO_BAD;
    if (strcmp(name, "TRAILER!!!") == 0)
        return CPIO_END;
    size_t data = padded(start + HEADER_SIZE + name_size);
    if (data > size || file_size > size - data)
        return CPIO_BAD;

    file->name = cpio_name(name);
    file->data = (const char *)archive + data;
    file->size = file_size;
    file->mode = mode;
    *offset = padded(data + file_size);
    return CPIO_FILE;
}
