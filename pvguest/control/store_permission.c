/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_permission.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include <xen/errno.h>

/* Letter by access bits. */
static const char access_letters[] = "nrwb";

static unsigned int access_of_domain(const struct store_permissions *permissions, domid_t domain)
{
    if (permissions->entries[0].domain == domain)
        return STORE_ACCESS_ALL;
    for (unsigned int i = 1; i < permissions->count; i++)
        if (permissions->entries[i].domain == domain)
            return permissions->entries[i].access;
    return permissions->entries[0].access;
}

unsigned int store_permission_access(const struct store_permissions *permissions,
                                     const struct store_identity *who)
{
    unsigned int access;

    if (who->privileged)
        return STORE_ACCESS_ALL;
    access = access_of_domain(permissions, who->domain);
    if (who->target != DOMID_INVALID)
        access |= access_of_domain(permissions, who->target);
    return access;
}

static int entry_parse(const char *text, struct store_permission *entry)
{
    const char *letter = *text != '\0' ? strchr(access_letters, *text) : NULL;
    const char *cursor = text + 1;
    uint64_t domain;

    if (letter == NULL || *cursor < '0' || *cursor > '9')
        return -XEN_EINVAL;
    if (!text_parse_unsigned(&cursor, &domain) || *cursor != '\0' || domain > DOMID_MASK)
        return -XEN_EINVAL;
    entry->domain = (domid_t)domain;
    entry->access = (unsigned char)(letter - access_letters);
    return 0;
}

int store_permission_parse(const char *text, size_t size, struct store_permissions *permissions)
{
    size_t position = 0;
    int error;

    permissions->count = 0;
    if (size == 0 || text[size - 1] != '\0')
        return -XEN_EINVAL;
    while (position < size) {
        if (permissions->count == STORE_PERMISSIONS_MAX)
            return -XEN_ENOSPC;
        error = entry_parse(text + position, &permissions->entries[permissions->count]);
        if (error)
            return error;
        permissions->count++;
        position += strlen(text + position) + 1;
    }
    return 0;
}

size_t store_permission_format(const struct store_permission *entry, char *text)
{
    return (size_t)format_text(text, STORE_PERMISSION_TEXT_SIZE, "%c%u",
                               access_letters[entry->access & 3], entry->domain);
}

void store_permission_forget(struct store_permissions *permissions, domid_t domain)
{
    unsigned int kept = 1;

    if (permissions->entries[0].domain == domain)
        permissions->entries[0] = (struct store_permission){.domain = 0};
    for (unsigned int i = 1; i < permissions->count; i++)
        if (permissions->entries[i].domain != domain)
            permissions->entries[kept++] = permissions->entries[i];
    permissions->count = kept;
}
