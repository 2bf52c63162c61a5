/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader told, copied out of loader memory once, whichever protocol (Multiboot 1 or
 * 2) was used. Physical addresses. Filled by boot_info_parse() on the boot processor before
 * anything else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BOOT_MODULE_MAX 8
#define BOOT_RANGE_MAX  128
#define BOOT_TEXT_MAX   1024

struct boot_module {
    uint64_t start, end;
    char command_line[BOOT_TEXT_MAX];
};

struct boot_range {
    uint64_t start, size;
    uint32_t type; /* E820: 1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 bad */
};

struct boot_info {
    char command_line[BOOT_TEXT_MAX];
    char loader[64];
    unsigned module_count, range_count;
    struct boot_module modules[BOOT_MODULE_MAX];
    struct boot_range ranges[BOOT_RANGE_MAX];
    uint64_t rsdp;    /* physical address of the ACPI root pointer, 0 = search */
    bool rsdp_copied; /* the tag carried a copy, in rsdp_copy */
    uint8_t rsdp_copy[36];
};

extern struct boot_info boot_info;

/* 0, or a negative errno after printing what is wrong. */
int boot_info_parse(uint32_t magic, uint32_t physical_address);
