/* SPDX-License-Identifier: MIT */
#include "boot/boot_info.h"

#include <xen/errno.h>

#include "boot/boot_physical.h"
#include "boot/multiboot.h"
#include "hypervisor/io/console.h"
#include "lib/string.h"
#include "lib/text.h"

struct boot_info boot_info;

/* A string of the loader's, truncated to the destination; false where it is out of reach. */
static bool copy_string(char *destination, size_t size, uint64_t address)
{
    size_t i;

    for (i = 0; i + 1 < size; i++) {
        const char *byte = boot_physical(address + i, 1);
        if (!byte) {
            destination[0] = '\0';
            return false;
        }
        destination[i] = *byte;
        if (!*byte)
            return true;
    }
    destination[i] = '\0';
    return true;
}

/*
 * GRUB 2 passes arguments without the file's name before them; GRUB 0.9x, QEMU and others put it
 * first. The same rule as other Multiboot kernels of Xen's kind: decided by the loader's name.
 */
static bool loader_passes_name(const char *loader)
{
    const char *grub = strstr(loader, "GRUB ");
    return !grub || grub[5] == '0';
}

static void strip_name(char *command_line)
{
    const char *from = command_line;

    while (*from == ' ')
        from++;
    if (loader_passes_name(boot_info.loader)) {
        while (*from && *from != ' ')
            from++;
        while (*from == ' ')
            from++;
    }
    memmove(command_line, from, strlen(from) + 1);
}

static void add_range(uint64_t start, uint64_t size, uint32_t type)
{
    if (size == 0 || start + size < start)
        return;
    if (boot_info.range_count == BOOT_RANGE_MAX) {
        printk("boot: more than %u memory ranges, the rest is not used\n", BOOT_RANGE_MAX);
        return;
    }
    boot_info.ranges[boot_info.range_count++] =
        (struct boot_range){.start = start, .size = size, .type = type};
}

static struct boot_module *add_module(uint64_t start, uint64_t end)
{
    if (boot_info.module_count == BOOT_MODULE_MAX) {
        printk("boot: more than %u modules, the rest is ignored\n", BOOT_MODULE_MAX);
        return NULL;
    }
    if (start > end || (start < end && !boot_physical(start, end - start))) {
        printk("boot: module %u has an impossible place, %lx to %lx\n", boot_info.module_count + 1,
               start, end);
        return NULL;
    }
    struct boot_module *module = &boot_info.modules[boot_info.module_count++];
    module->start = start;
    module->end = end;
    return module;
}

static void read_modules1(const struct multiboot1_info *info)
{
    uint64_t entry = info->modules;

    for (uint32_t i = 0; i < info->module_count && i <= BOOT_MODULE_MAX; i++, entry += 16) {
        struct multiboot1_module module;
        const void *source = boot_physical(entry, sizeof(module));
        if (!source)
            return;
        memcpy(&module, source, sizeof(module));
        struct boot_module *added = add_module(module.start, module.end);
        if (added && module.command_line)
            copy_string(added->command_line, sizeof(added->command_line), module.command_line);
    }
}

static void read_ranges1(const struct multiboot1_info *info)
{
    uint64_t entry = info->memory_map, end = entry + info->memory_map_size;

    while (end - entry >= sizeof(struct multiboot1_range)) {
        struct multiboot1_range range;
        const void *source = boot_physical(entry, sizeof(range));
        if (!source)
            return;
        memcpy(&range, source, sizeof(range));
        add_range(range.start, range.length, range.type);
        /* `size` does not count itself. */
        uint64_t step = (uint64_t)range.size + sizeof(range.size);
        if (step < sizeof(range) || step > end - entry)
            return;
        entry += step;
    }
}

static int parse_multiboot1(uint64_t address)
{
    struct multiboot1_info info;
    const void *source = boot_physical(address, sizeof(info));

    if (!source)
        return -XEN_EFAULT;
    memcpy(&info, source, sizeof(info));
    if (info.flags & MULTIBOOT1_LOADER)
        copy_string(boot_info.loader, sizeof(boot_info.loader), info.loader);
    if (info.flags & MULTIBOOT1_COMMAND_LINE)
        copy_string(boot_info.command_line, sizeof(boot_info.command_line), info.command_line);
    if (info.flags & MULTIBOOT1_MEMORY_MAP) {
        read_ranges1(&info);
    } else if (info.flags & MULTIBOOT1_MEMORY) {
        add_range(0, (uint64_t)info.memory_lower << 10, 1);
        add_range(1 << 20, (uint64_t)info.memory_upper << 10, 1);
    }
    if (info.flags & MULTIBOOT1_MODULES)
        read_modules1(&info);
    return 0;
}

static void read_module2(uint64_t address, uint32_t size)
{
    struct multiboot2_module module;
    const void *source = boot_physical(address, sizeof(module));

    if (size < sizeof(module) || !source)
        return;
    memcpy(&module, source, sizeof(module));
    struct boot_module *added = add_module(module.start, module.end);
    if (added)
        copy_string(added->command_line, sizeof(added->command_line), address + sizeof(module));
}

static void read_ranges2(uint64_t address, uint32_t size)
{
    struct multiboot2_memory_map map;
    const void *source = boot_physical(address, sizeof(map));

    if (size < sizeof(map) || !source)
        return;
    memcpy(&map, source, sizeof(map));
    if (map.entry_size < sizeof(struct multiboot2_range))
        return;
    for (uint32_t offset = sizeof(map); offset <= size && size - offset >= map.entry_size;
         offset += map.entry_size) {
        struct multiboot2_range range;
        source = boot_physical(address + offset, sizeof(range));
        if (!source)
            return;
        memcpy(&range, source, sizeof(range));
        add_range(range.start, range.length, range.type);
    }
}

/* A copy of the ACPI root pointer; the one of version 2 is preferred. */
static void read_rsdp(uint64_t address, uint32_t size, bool version2)
{
    uint32_t payload = size - sizeof(struct multiboot2_tag);
    const void *source = boot_physical(address + sizeof(struct multiboot2_tag), payload);

    if (!source || payload < 20 || (boot_info.rsdp_copied && !version2))
        return;
    if (payload > sizeof(boot_info.rsdp_copy))
        payload = sizeof(boot_info.rsdp_copy);
    memset(boot_info.rsdp_copy, 0, sizeof(boot_info.rsdp_copy));
    memcpy(boot_info.rsdp_copy, source, payload);
    boot_info.rsdp_copied = true;
}

static void read_tag(uint64_t address, const struct multiboot2_tag *tag)
{
    switch (tag->type) {
    case MULTIBOOT2_COMMAND_LINE:
        copy_string(boot_info.command_line, sizeof(boot_info.command_line), address + sizeof(*tag));
        break;
    case MULTIBOOT2_LOADER:
        copy_string(boot_info.loader, sizeof(boot_info.loader), address + sizeof(*tag));
        break;
    case MULTIBOOT2_MODULE:
        read_module2(address, tag->size);
        break;
    case MULTIBOOT2_MEMORY_MAP:
        read_ranges2(address, tag->size);
        break;
    case MULTIBOOT2_RSDP1:
    case MULTIBOOT2_RSDP2:
        read_rsdp(address, tag->size, tag->type == MULTIBOOT2_RSDP2);
        break;
    }
}

static int parse_multiboot2(uint64_t address)
{
    const uint32_t *head = boot_physical(address, 8);

    if (!head)
        return -XEN_EFAULT;
    uint64_t end = address + *head;
    for (uint64_t position = address + 8; position + sizeof(struct multiboot2_tag) <= end;) {
        struct multiboot2_tag tag;
        const void *source = boot_physical(position, sizeof(tag));
        if (!source)
            return -XEN_EFAULT;
        memcpy(&tag, source, sizeof(tag));
        if (tag.type == MULTIBOOT2_END)
            return 0;
        if (tag.size < sizeof(tag) || tag.size > end - position)
            return -XEN_EINVAL;
        read_tag(position, &tag);
        position += ((uint64_t)tag.size + 7) & ~7UL;
    }
    return -XEN_EINVAL;
}

int boot_info_parse(uint32_t magic, uint32_t physical_address)
{
    int error = -XEN_EINVAL;

    memset(&boot_info, 0, sizeof(boot_info));
    if (magic == MULTIBOOT1_HANDOVER)
        error = parse_multiboot1(physical_address);
    else if (magic == MULTIBOOT2_HANDOVER)
        error = parse_multiboot2(physical_address);
    if (error) {
        printk("boot: no valid Multiboot information (magic %x at %x)\n", magic, physical_address);
        return error;
    }
    strip_name(boot_info.command_line);
    for (unsigned i = 0; i < boot_info.module_count; i++)
        strip_name(boot_info.modules[i].command_line);
    if (boot_info.range_count == 0) {
        printk("boot: the boot loader gave no memory map\n");
        return -XEN_ENOMEM;
    }
    return 0;
}
