/* SPDX-License-Identifier: MIT */
/*
 * Reads a PV64 kernel: an ELF64 x86-64 executable with Xen notes, in memory. Pure and without
 * state; nothing in the file is trusted: every offset, size and address is checked against the
 * file's size and for overflow before it is used.
 *
 * Virtual addresses follow Xen's rule: a segment lies at p_paddr - paddr_offset + virt_base, and
 * its p_vaddr does not count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum elf_error {
    ELF_OK,
    ELF_NOT_ELF,
    ELF_BOOT_IMAGE,
    ELF_COMPRESSED,
    ELF_TRUNCATED,
    ELF_32_BIT,
    ELF_MACHINE,
    ELF_TYPE,
    ELF_HEADERS,
    ELF_NO_SEGMENTS,
    ELF_TOO_MANY_SEGMENTS,
    ELF_SEGMENT_SIZE,
    ELF_SEGMENT_ADDRESS,
    ELF_OVERLAP,
    ELF_NOTES,
    ELF_NO_NOTES,
    ELF_VERSION,
    ELF_LOADER,
    ELF_FEATURE,
    ELF_SYMBOLS,
    ELF_BASE,
    ELF_ENTRY,
    ELF_HYPERCALL_PAGE,
    ELF_P2M,
    ELF_ERROR_COUNT
};

#define ELF_SEGMENTS_MAX 16
#define ELF_TEXT_MAX     32
#define ELF_NO_ADDRESS   UINT64_MAX

/* A piece of the file and where it goes; memory beyond file_size is zero. */
struct elf_load_segment {
    uint64_t file_offset, file_size;
    uint64_t address, memory_size;
};

struct elf_kernel {
    uint64_t entry;
    uint64_t virt_base;      /* virtual address of pfn 0; page-aligned */
    uint64_t paddr_offset;   /* what the file's p_paddr are too high by */
    uint64_t start, end;     /* virtual extent of all segments; not page-aligned */
    uint64_t hypercall_page; /* page-aligned and inside the extent, or ELF_NO_ADDRESS */
    uint64_t init_p2m;       /* page-aligned, outside the extent, or ELF_NO_ADDRESS */
    bool initrd_unmapped;    /* MOD_START_PFN: takes an initrd outside the initial mapping */
    bool suspend_cancel;
    bool may_be_initial;          /* false: the features note lacks the bit of the initial domain */
    uint32_t supported, required; /* masks of 1 << XENFEAT_* */
    char guest_os[ELF_TEXT_MAX];
    char guest_version[ELF_TEXT_MAX];
    unsigned segment_count;
    struct elf_load_segment segments[ELF_SEGMENTS_MAX];
};

/* *kernel is complete if the answer is ELF_OK, else unspecified. */
enum elf_error elf_read_kernel(const void *image, uint64_t size, struct elf_kernel *kernel);

/* What is wrong, as the end of a sentence that begins with the module's name. */
const char *elf_error_text(enum elf_error error);
