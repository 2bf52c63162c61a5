/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_target.h"

#include <stddef.h>

#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"

#define PARTITION_NUMBER_MAX 65536

/* If `text` begins with `prefix`, move behind it. */
static bool skip_prefix(const char **text, const char *prefix)
{
    if (!text_starts_with(*text, prefix))
        return false;
    *text += strlen(prefix);
    return true;
}

static int parse_text(struct disk_target *target, enum disk_target_kind kind, const char *text)
{
    target->kind = kind;
    if (*text == '\0' || !text_copy(target->text, text, sizeof(target->text)))
        return -XEN_EINVAL;
    return 0;
}

/* Behind the disk's name: nothing, `@START+COUNT`, or a partition number. */
static int parse_part(struct disk_target *target, const char *rest)
{
    uint64_t number;

    if (*rest == '\0') {
        target->kind = DISK_TARGET_WHOLE;
        return 0;
    }
    if (*rest == '@') {
        rest++;
        target->kind = DISK_TARGET_EXTENT;
        if (!text_parse_unsigned(&rest, &target->extent.start) || *rest++ != '+' ||
            !text_parse_unsigned(&rest, &target->extent.count) || *rest != '\0')
            return -XEN_EINVAL;
        return target->extent.count > 0 ? 0 : -XEN_EINVAL;
    }
    target->kind = DISK_TARGET_NUMBER;
    if (!text_parse_unsigned(&rest, &number) || *rest != '\0' || number == 0 ||
        number > PARTITION_NUMBER_MAX)
        return -XEN_EINVAL;
    target->number = (unsigned int)number;
    return 0;
}

static int parse_device(struct disk_target *target, const char *text)
{
    size_t length = 0;

    while (text[length] >= 'a' && text[length] <= 'z')
        length++;
    if (length == 0 || length >= sizeof(target->text))
        return -XEN_EINVAL;
    memcpy(target->text, text, length);
    target->text[length] = '\0';
    return parse_part(target, text + length);
}

int disk_target_parse(struct disk_target *target, const char *text)
{
    *target = (struct disk_target){.kind = DISK_TARGET_WHOLE};
    if (skip_prefix(&text, "file:"))
        return parse_text(target, DISK_TARGET_FILE, *text == '/' ? text + 1 : text);
    skip_prefix(&text, "phy:");
    if (skip_prefix(&text, "/dev/disk/by-partlabel/"))
        return parse_text(target, DISK_TARGET_NAME, text);
    if (skip_prefix(&text, "/dev/disk/by-partuuid/"))
        return parse_text(target, DISK_TARGET_GUID, text);
    if (skip_prefix(&text, "/dev/"))
        return parse_device(target, text);
    return parse_text(target, DISK_TARGET_FILE, *text == '/' ? text + 1 : text);
}
