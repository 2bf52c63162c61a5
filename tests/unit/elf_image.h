/* SPDX-License-Identifier: MIT */
/*
 * Builds small ELF64 kernel files in memory for the tests of what reads them. A fresh image is
 * correct; a test then breaks one thing in it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/elf_format.h"

#define IMAGE_BASE      UINT64_C(0xffffffff80000000)
#define IMAGE_SIZE      0x4000
#define IMAGE_NOTES     0x800
#define IMAGE_NOTES_MAX 0x700
#define IMAGE_LOAD      0x1000 /* file offset of the first loaded segment */

struct elf_image {
    union {
        uint8_t bytes[IMAGE_SIZE];
        struct {
            struct elf64_header header;
            struct elf64_segment segments[4]; /* two to load, the notes, an unused one */
        };
    };
    uint32_t notes_size;
};

/* A kernel of 2 pages text at pfn 0x100 and 3 pages data at pfn 0x102, entry in its first page. */
void elf_image_init(struct elf_image *image);

void elf_image_add_note(struct elf_image *image, const char *name, uint32_t type, const void *data,
                        uint32_t size);
void elf_image_add_number(struct elf_image *image, uint32_t type, uint64_t value);
void elf_image_add_text(struct elf_image *image, uint32_t type, const char *text);

/* Start again without any note. */
void elf_image_drop_notes(struct elf_image *image);
