/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_gpt.h"

#include <xen/errno.h>

#include "lib/format.h"
#include "lib/string.h"
#include "pvguest/control/disk_checksum.h"

#define SIGNATURE_SIZE  8
#define HEADER_SIZE     92
#define ENTRY_SIZE      128
#define NAME_CHARACTERS 36
#define PRIMARY_SECTOR  1
#define CHECKSUM_OFFSET 16
#define FIELD(type, at) (offsetof(struct gpt_header, type) == (at))

struct gpt_header {
    char signature[SIGNATURE_SIZE];
    uint32_t revision;
    uint32_t header_size;
    uint32_t header_checksum;
    uint32_t reserved;
    uint64_t this_sector;
    uint64_t other_sector;
    uint64_t first_usable, last_usable;
    uint8_t disk_guid[16];
    uint64_t entries_sector;
    uint32_t entry_count;
    uint32_t entry_size;
    uint32_t entries_checksum;
} __attribute__((packed));

struct gpt_entry {
    uint8_t type_guid[16];
    uint8_t unique_guid[16];
    uint64_t first_sector, last_sector;
    uint64_t attributes;
    uint16_t name[NAME_CHARACTERS];
} __attribute__((packed));

_Static_assert(sizeof(struct gpt_header) == HEADER_SIZE, "GPT header as in UEFI 2.10, 5.3.2");
_Static_assert(FIELD(header_checksum, CHECKSUM_OFFSET), "checksum field");
_Static_assert(sizeof(struct gpt_entry) == ENTRY_SIZE, "GPT entry as in UEFI 2.10, 5.3.3");

/* The checksum covers header_size bytes with its own field taken as zero. */
static bool header_checksum_right(const uint8_t *sector, const struct gpt_header *header)
{
    static const uint8_t zero[sizeof(uint32_t)];
    uint8_t copy[GPT_SECTOR_SIZE];

    memcpy(copy, sector, sizeof(copy));
    memcpy(copy + CHECKSUM_OFFSET, zero, sizeof(zero));
    return disk_checksum(copy, header->header_size) == header->header_checksum;
}

static bool header_valid(const uint8_t *sector, const struct gpt_header *header, uint64_t at,
                         uint64_t sectors)
{
    if (memcmp(header->signature, "EFI PART", SIGNATURE_SIZE) != 0)
        return false;
    if (header->header_size < HEADER_SIZE || header->header_size > GPT_SECTOR_SIZE)
        return false;
    if (!header_checksum_right(sector, header) || header->this_sector != at)
        return false;
    if (header->entry_size < ENTRY_SIZE || header->entry_size % 8 != 0)
        return false;
    if (header->entry_count == 0 || header->entry_count > GPT_TABLE_SIZE / header->entry_size)
        return false;
    return header->first_usable <= header->last_usable && header->last_usable < sectors;
}

/* Load and verify the entries that a valid header names. */
static int load_entries(struct gpt_table *table, const struct gpt_header *header, gpt_read_t *read,
                        void *context)
{
    size_t size = (size_t)header->entry_count * header->entry_size;
    unsigned int count = (unsigned int)((size + GPT_SECTOR_SIZE - 1) / GPT_SECTOR_SIZE);
    int error;

    if (!disk_range_valid(header->entries_sector, count, table->sectors))
        return -XEN_ENOENT;
    error = read(context, header->entries_sector, count, table->entries);
    if (error != 0)
        return error;
    if (disk_checksum(table->entries, size) != header->entries_checksum)
        return -XEN_ENOENT;
    table->first_usable = header->first_usable;
    table->last_usable = header->last_usable;
    table->entry_count = header->entry_count;
    table->entry_size = header->entry_size;
    return 0;
}

static int load_at(struct gpt_table *table, uint64_t at, gpt_read_t *read, void *context)
{
    struct gpt_header header;
    int error = read(context, at, 1, table->entries);

    if (error != 0)
        return error;
    memcpy(&header, table->entries, sizeof(header));
    if (!header_valid(table->entries, &header, at, table->sectors))
        return -XEN_ENOENT;
    return load_entries(table, &header, read, context);
}

int gpt_load(struct gpt_table *table, uint64_t sectors, gpt_read_t *read, void *context,
             void *buffer)
{
    int error;

    if (sectors <= PRIMARY_SECTOR)
        return -XEN_ENOENT;
    *table = (struct gpt_table){.sectors = sectors, .entries = buffer};
    error = load_at(table, PRIMARY_SECTOR, read, context);
    if (error == 0)
        return 0;
    table->from_backup = true;
    return load_at(table, sectors - 1, read, context);
}

/* A GUID's first three fields are stored little-endian. */
static void guid_text(char *text, const uint8_t *g)
{
    format_text(text, GPT_GUID_SIZE,
                "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2],
                g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
                g[15]);
}

static void name_text(char *text, const struct gpt_entry *entry)
{
    unsigned int i;

    for (i = 0; i < NAME_CHARACTERS && entry->name[i] != 0; i++)
        text[i] = entry->name[i] >= ' ' && entry->name[i] < 0x7f ? (char)entry->name[i] : '?';
    text[i] = '\0';
}

int gpt_partition_get(const struct gpt_table *table, unsigned int number,
                      struct gpt_partition *partition)
{
    static const uint8_t unused[16];
    struct gpt_entry entry;

    if (number == 0 || number > table->entry_count)
        return -XEN_ENOENT;
    memcpy(&entry, table->entries + (size_t)(number - 1) * table->entry_size, sizeof(entry));
    if (memcmp(entry.type_guid, unused, sizeof(unused)) == 0)
        return -XEN_ENOENT;
    if (entry.first_sector < table->first_usable || entry.last_sector > table->last_usable ||
        entry.first_sector > entry.last_sector)
        return -XEN_EINVAL;
    partition->number = number;
    partition->extent.start = entry.first_sector;
    partition->extent.count = entry.last_sector - entry.first_sector + 1;
    name_text(partition->name, &entry);
    guid_text(partition->guid, entry.unique_guid);
    return 0;
}

static char lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a') : character;
}

static bool same_guid(const char *left, const char *right)
{
    while (*left != '\0' && lower(*left) == lower(*right)) {
        left++;
        right++;
    }
    return *left == *right;
}

int gpt_find_name(const struct gpt_table *table, const char *name, struct gpt_partition *partition)
{
    for (unsigned int number = 1; number <= table->entry_count; number++)
        if (gpt_partition_get(table, number, partition) == 0 && strcmp(partition->name, name) == 0)
            return 0;
    return -XEN_ENOENT;
}

int gpt_find_guid(const struct gpt_table *table, const char *guid, struct gpt_partition *partition)
{
    for (unsigned int number = 1; number <= table->entry_count; number++)
        if (gpt_partition_get(table, number, partition) == 0 && same_guid(partition->guid, guid))
            return 0;
    return -XEN_ENOENT;
}
