/* SPDX-License-Identifier: MIT */
/*
 * The parts of the ELF64 file format (System V gABI, chapters 4 and 5) that lib/elf.c reads.
 * Files need not be aligned in memory: copy a structure out before looking at it.
 */
#pragma once

#include <stdint.h>

#define ELF_MAGIC          "\177ELF"
#define ELF_CLASS_32       1
#define ELF_CLASS_64       2
#define ELF_DATA_LITTLE    1
#define ELF_TYPE_EXEC      2
#define ELF_TYPE_DYN       3
#define ELF_MACHINE_386    3
#define ELF_MACHINE_X86_64 62
#define ELF_SEGMENT_LOAD   1
#define ELF_SEGMENT_NOTE   4
#define ELF_SEGMENT_ACCESS 7 /* any of execute, write, read */
#define ELF_SECTION_NOTE   7

struct elf64_header {
    uint8_t magic[4];
    uint8_t class;
    uint8_t data;
    uint8_t ident_rest[10];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t segment_table;
    uint64_t section_table;
    uint32_t flags;
    uint16_t header_size;
    uint16_t segment_entry_size;
    uint16_t segment_count;
    uint16_t section_entry_size;
    uint16_t section_count;
    uint16_t section_names;
};

struct elf64_segment {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t file_size;
    uint64_t memory_size;
    uint64_t alignment;
};

struct elf64_section {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t address;
    uint64_t offset;
    uint64_t size;
    uint32_t link;
    uint32_t info;
    uint64_t alignment;
    uint64_t entry_size;
};

/* Followed by the name and the description, each padded to four bytes. */
struct elf64_note {
    uint32_t name_size;
    uint32_t description_size;
    uint32_t type;
};

_Static_assert(sizeof(struct elf64_header) == 64, "ELF64 header");
_Static_assert(sizeof(struct elf64_segment) == 56, "ELF64 program header");
_Static_assert(sizeof(struct elf64_section) == 64, "ELF64 section header");
