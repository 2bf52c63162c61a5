/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_path.h"

#include "lib/format.h"
#include "lib/string.h"
#include <xen/errno.h>

static bool character_legal(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '/' ||
           character == '_' || character == '@';
}

bool store_path_valid(const char *path)
{
    size_t length = strnlen(path, XENSTORE_ABS_PATH_MAX + 1);

    if (path[0] != '/' || length > XENSTORE_ABS_PATH_MAX)
        return false;
    if (length > 1 && path[length - 1] == '/')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!character_legal(path[i]) || (path[i] == '/' && path[i + 1] == '/'))
            return false;
    return true;
}

bool store_path_special(const char *path)
{
    return path[0] == '@';
}

static int resolve_special(const char *path, char *absolute)
{
    size_t length = strnlen(path, XENSTORE_REL_PATH_MAX + 1);

    if (length > XENSTORE_REL_PATH_MAX)
        return -XEN_EINVAL;
    for (size_t i = 0; i < length; i++)
        if (!character_legal(path[i]))
            return -XEN_EINVAL;
    memcpy(absolute, path, length + 1);
    return 0;
}

int store_path_resolve(domid_t domain, const char *path, char *absolute)
{
    size_t length = strnlen(path, XENSTORE_ABS_PATH_MAX + 1);
    size_t base = 0;

    if (length == 0 || length > XENSTORE_ABS_PATH_MAX)
        return -XEN_EINVAL;
    if (store_path_special(path))
        return resolve_special(path, absolute);
    if (path[0] != '/') {
        if (length > XENSTORE_REL_PATH_MAX)
            return -XEN_EINVAL;
        base = (size_t)format_text(absolute, STORE_ABSOLUTE_SIZE, "/local/domain/%u/", domain);
    }
    memcpy(absolute + base, path, length + 1);
    return store_path_valid(absolute) ? (int)base : -XEN_EINVAL;
}

bool store_path_within(const char *path, const char *above)
{
    size_t length = strlen(above);

    if (strcmp(above, "/") == 0)
        return path[0] == '/';
    if (strncmp(path, above, length) != 0)
        return false;
    return path[length] == '\0' || path[length] == '/';
}

size_t store_path_parent_length(const char *path)
{
    const char *last = strrchr(path, '/');

    if (last == NULL || path[1] == '\0')
        return 0;
    return last == path ? 1 : (size_t)(last - path);
}

bool store_path_component(const char **cursor, const char **name, size_t *length)
{
    const char *start = *cursor;

    while (*start == '/')
        start++;
    if (*start == '\0')
        return false;
    *name = start;
    while (*start != '\0' && *start != '/')
        start++;
    *length = (size_t)(start - *name);
    *cursor = start;
    return true;
}
