/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader hands over: Multiboot Specification 0.6.96 (section 3.3) and Multiboot 2
 * (section 3.6). Only the parts that boot_info.c reads.
 */
#pragma once

#include <stdint.h>

#define MULTIBOOT1_HANDOVER 0x2badb002
#define MULTIBOOT2_HANDOVER 0x36d76289

/* struct multiboot1_info.flags */
#define MULTIBOOT1_MEMORY       (1U << 0)
#define MULTIBOOT1_COMMAND_LINE (1U << 2)
#define MULTIBOOT1_MODULES      (1U << 3)
#define MULTIBOOT1_MEMORY_MAP   (1U << 6)
#define MULTIBOOT1_LOADER       (1U << 9)

struct multiboot1_info {
    uint32_t flags;
    uint32_t memory_lower, memory_upper; /* KiB */
    uint32_t boot_device;
    uint32_t command_line;
    uint32_t module_count, modules;
    uint32_t symbols[4];
    uint32_t memory_map_size, memory_map;
    uint32_t drives_size, drives;
    uint32_t configuration_table;
    uint32_t loader;
};

struct multiboot1_module {
    uint32_t start, end, command_line, reserved;
};

struct multiboot1_range {
    uint32_t size; /* of what follows */
    uint64_t start, length;
    uint32_t type;
} __attribute__((packed));

enum multiboot2_tag_type {
    MULTIBOOT2_END = 0,
    MULTIBOOT2_COMMAND_LINE = 1,
    MULTIBOOT2_LOADER = 2,
    MULTIBOOT2_MODULE = 3,
    MULTIBOOT2_MEMORY_MAP = 6,
    MULTIBOOT2_RSDP1 = 14,
    MULTIBOOT2_RSDP2 = 15,
};

/* Each tag begins on a multiple of 8; its size counts this head. */
struct multiboot2_tag {
    uint32_t type, size;
};

struct multiboot2_module {
    struct multiboot2_tag tag;
    uint32_t start, end; /* then the command line */
};

struct multiboot2_memory_map {
    struct multiboot2_tag tag;
    uint32_t entry_size, entry_version; /* then the entries */
};

struct multiboot2_range {
    uint64_t start, length;
    uint32_t type, reserved;
};
