/* SPDX-License-Identifier: MIT */
/*
 * The Xen notes of a kernel file: the second half of lib/elf.c, which alone calls it. Pure.
 */
#pragma once

#include "lib/elf.h"

/* The strings and numbers of the notes, before they are held against the segments. */
struct elf_notes {
    unsigned count; /* notes with the name "Xen" */
    uint64_t entry, virt_base, paddr_offset, hypercall_page, init_p2m; /* or ELF_NO_ADDRESS */
    bool initrd_unmapped, suspend_cancel, wants_symbols, unknown_feature, has_feature_mask;
    uint32_t supported, required;
    char loader[ELF_TEXT_MAX], xen_version[ELF_TEXT_MAX];
    char guest_os[ELF_TEXT_MAX], guest_version[ELF_TEXT_MAX];
};

void elf_notes_init(struct elf_notes *notes);

/* Read one area of notes, `size` bytes; false if a note runs over its end. */
bool elf_notes_read(struct elf_notes *notes, const uint8_t *area, uint64_t size);

/* Whether this hypervisor can run a kernel that says this about itself. */
enum elf_error elf_notes_check(const struct elf_notes *notes);
