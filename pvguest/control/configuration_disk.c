/* SPDX-License-Identifier: MIT */
#include "pvguest/control/configuration_disk.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"

enum field { TARGET, FORMAT, VDEV, ACCESS, FIELDS };

struct parse {
    struct syntax *syntax;
    unsigned line;
    const char *fields[FIELDS];
    bool removable;
};

static bool parse_small(const char **cursor, uint64_t limit, uint64_t *value)
{
    return text_parse_unsigned(cursor, value) && *value < limit;
}

/* The letters behind the prefix, as in "xvdaa": a bijective base 26 number, counted from 0. */
static bool parse_letters(const char **cursor, uint64_t *disk)
{
    uint64_t value = 0;
    const char *start = *cursor;

    for (; **cursor >= 'a' && **cursor <= 'z'; (*cursor)++) {
        value = value * 26 + (uint64_t)(**cursor - 'a') + 1;
        if (value > 1 << 20)
            return false;
    }
    *disk = value - 1;
    return *cursor != start;
}

/* A partition number of 1 or more, or nothing for the whole disk. */
static bool parse_partition(const char *cursor, uint64_t limit, uint64_t *partition)
{
    *partition = 0;
    if (!*cursor)
        return true;
    return *cursor != '0' && parse_small(&cursor, limit, partition) && !*cursor;
}

static bool number_xvd(const char *cursor, uint32_t *number)
{
    uint64_t disk, partition;

    if (!parse_letters(&cursor, &disk) || !parse_partition(cursor, 256, &partition))
        return false;
    if (disk < 16 && partition < 16)
        *number = (uint32_t)(202 << 8 | disk << 4 | partition);
    else
        *number = (uint32_t)(1u << 28 | disk << 8 | partition);
    return true;
}

static bool number_hd(const char *cursor, uint32_t *number)
{
    uint64_t disk, partition;

    if (!parse_letters(&cursor, &disk) || disk > 3 || !parse_partition(cursor, 64, &partition))
        return false;
    *number = (uint32_t)((disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | partition);
    return true;
}

static bool number_sd(const char *cursor, uint32_t *number)
{
    uint64_t disk, partition;

    if (!parse_letters(&cursor, &disk) || disk > 15 || !parse_partition(cursor, 16, &partition))
        return false;
    *number = (uint32_t)(8 << 8 | disk << 4 | partition);
    return true;
}

static bool number_dp(const char *cursor, uint32_t *number)
{
    uint64_t disk, partition = 0;

    if (!parse_small(&cursor, 1 << 20, &disk))
        return false;
    if (*cursor && (*cursor++ != 'p' || !parse_small(&cursor, 256, &partition) || *cursor))
        return false;
    *number = disk < 16 && partition < 16 ? (uint32_t)(202 << 8 | disk << 4 | partition)
                                          : (uint32_t)(1u << 28 | disk << 8 | partition);
    return true;
}

bool configuration_disk_number(const char *vdev, uint32_t *number)
{
    uint64_t value;

    if (text_starts_with(vdev, "xvd"))
        return number_xvd(vdev + 3, number);
    if (text_starts_with(vdev, "hd"))
        return number_hd(vdev + 2, number);
    if (text_starts_with(vdev, "sd"))
        return number_sd(vdev + 2, number);
    if (vdev[0] == 'd')
        return number_dp(vdev + 1, number);
    if (!parse_small(&vdev, 1ull << 29, &value) || *vdev)
        return false;
    *number = (uint32_t)value;
    return true;
}

static int refuse(const struct parse *parse, const char *what, const char *value)
{
    syntax_report(parse->syntax, parse->line, "disk: %s `%s'", what, value);
    return -XEN_EINVAL;
}

static bool is_one_of(const char *value, const char *words)
{
    size_t length = strlen(value);

    for (const char *word = words; *word; word += strlen(word) + 1) {
        if (strlen(word) == length && memcmp(word, value, length) == 0)
            return true;
    }
    return false;
}

/* Bare words that are parameters wherever they stand, and what must be said of them: nothing. */
static bool is_flag(const char *word)
{
    return is_one_of(word, "discard\0no-discard\0direct-io-safe\0");
}

static int set_parameter(struct parse *parse, const char *key, const char *value)
{
    static const char *const names[FIELDS] = {"target", "format", "vdev", "access"};

    for (unsigned field = 0; field < FIELDS; field++) {
        if (strcmp(key, names[field]) != 0)
            continue;
        if (parse->fields[field])
            return refuse(parse, "given twice:", key);
        parse->fields[field] = value;
        return 0;
    }
    if (strcmp(key, "devtype") == 0) {
        parse->removable = strcmp(value, "cdrom") == 0;
        return parse->removable || strcmp(value, "disk") == 0
                   ? 0
                   : refuse(parse, "unknown value for devtype", value);
    }
    if (is_one_of(key, "backendtype\0backend-type\0"))
        return 0; /* there is one kind of back end */
    if (strcmp(key, "backend") == 0)
        return is_one_of(value, "0\0Domain-0\0") ? 0
                                                 : refuse(parse, "no such back end domain", value);
    return refuse(parse, "unknown parameter", key);
}

static int set_positional(struct parse *parse, unsigned *position, const char *word)
{
    while (*position < FIELDS && parse->fields[*position])
        ++*position;
    if (*position == FIELDS)
        return refuse(parse, "too many positional parameters at", word);
    parse->fields[(*position)++] = word;
    return 0;
}

static char *trim(char *word)
{
    size_t length;

    while (*word == ' ' || *word == '\t')
        word++;
    length = strlen(word);
    while (length && (word[length - 1] == ' ' || word[length - 1] == '\t'))
        word[--length] = '\0';
    return word;
}

/* Split at commas, in place. `target=` takes all that follows, commas included. */
static int split_fields(struct parse *parse, char *cursor)
{
    unsigned position = 0;
    int status = 0;

    while (cursor && status == 0) {
        char *comma, *word = cursor, *equals;

        while (*word == ' ' || *word == '\t')
            word++;
        comma = text_starts_with(word, "target=") ? NULL : strchr(word, ',');
        cursor = comma ? comma + 1 : NULL;
        if (comma)
            *comma = '\0';
        word = trim(word);
        equals = strchr(word, '=');
        if (strcmp(word, "cdrom") == 0) {
            parse->removable = true;
        } else if (is_flag(word)) {
            continue;
        } else if (equals) {
            *equals = '\0';
            status = set_parameter(parse, word, equals + 1);
        } else {
            status = set_positional(parse, &position, word);
        }
    }
    return status;
}

/* The old prefixes "phy:", "file:", "raw:" still say what a target is. */
static void set_target(struct configuration_disk *disk, const char *target)
{
    disk->is_device = text_starts_with(target, "phy:") || text_starts_with(target, "/dev/");
    if (text_starts_with(target, "phy:") || text_starts_with(target, "raw:"))
        target += 4;
    else if (text_starts_with(target, "file:"))
        target += 5;
    disk->target = target;
}

static int set_fields(const struct parse *parse, struct configuration_disk *disk)
{
    const char *format = parse->fields[FORMAT] ? parse->fields[FORMAT] : "";
    const char *access = parse->fields[ACCESS] ? parse->fields[ACCESS] : "";

    if (!parse->fields[TARGET] || !*parse->fields[TARGET])
        return refuse(parse, "no target in", "");
    if (!parse->fields[VDEV] || !*parse->fields[VDEV])
        return refuse(parse, "no vdev for target", parse->fields[TARGET]);
    if (*format && strcmp(format, "raw") != 0)
        return refuse(parse, "unsupported format", format);
    if (*access && !is_one_of(access, "r\0ro\0w\0rw\0"))
        return refuse(parse, "unknown value for access", access);
    if (!configuration_disk_number(parse->fields[VDEV], &disk->number))
        return refuse(parse, "unknown vdev", parse->fields[VDEV]);
    set_target(disk, parse->fields[TARGET]);
    disk->vdev = parse->fields[VDEV];
    disk->removable = parse->removable;
    disk->writable = !disk->removable && !is_one_of(access, "r\0ro\0");
    return 0;
}

int configuration_disk_parse(struct syntax *syntax, unsigned line, const char *specification,
                             struct configuration_disk *disk)
{
    struct parse parse = {.syntax = syntax, .line = line};
    char *copy = storage_keep(syntax->storage, specification, strlen(specification));
    int status;

    if (!copy)
        return refuse(&parse, "no room for", specification);
    status = split_fields(&parse, copy);
    return status < 0 ? status : set_fields(&parse, disk);
}
