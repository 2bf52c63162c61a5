/* SPDX-License-Identifier: MIT */
#include "lib/elf_notes.h"

#include <xen/elfnote.h>
#include <xen/features.h>

#include "lib/elf_format.h"
#include "lib/string.h"
#include "lib/text.h"

/* Feature names as the FEATURES note spells them, and whether a kernel may insist on them. */
static const struct {
    const char *name;
    unsigned bit;
    bool provided;
} features[] = {
    {"writable_page_tables", XENFEAT_writable_page_tables, true}, /* stores are emulated */
    {"writable_descriptor_tables", XENFEAT_writable_descriptor_tables, false},
    {"auto_translated_physmap", XENFEAT_auto_translated_physmap, false},
    {"supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel, false},
    {"pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb, true},
    {"hvm_callback_vector", XENFEAT_hvm_callback_vector, false},
    {"dom0", XENFEAT_dom0, true},
};

#define FEATURE_COUNT (sizeof(features) / sizeof(features[0]))

void elf_notes_init(struct elf_notes *notes)
{
    memset(notes, 0, sizeof(*notes));
    notes->entry = notes->virt_base = notes->paddr_offset = ELF_NO_ADDRESS;
    notes->hypercall_page = notes->init_p2m = ELF_NO_ADDRESS;
}

/* A numeric description has four or eight bytes; anything else counts as zero. */
static uint64_t note_number(const uint8_t *description, uint32_t size)
{
    uint64_t wide;
    uint32_t narrow;
    if (size >= sizeof(wide)) {
        memcpy(&wide, description, sizeof(wide));
        return wide;
    }
    if (size < sizeof(narrow))
        return 0;
    memcpy(&narrow, description, sizeof(narrow));
    return narrow;
}

static void note_text(char *text, const uint8_t *description, uint32_t size)
{
    size_t length = strnlen((const char *)description, size);
    if (length >= ELF_TEXT_MAX)
        length = ELF_TEXT_MAX - 1;
    memcpy(text, description, length);
    text[length] = 0;
}

/* One name out of the FEATURES note; a leading `!` makes it a requirement. */
static void read_feature(struct elf_notes *notes, const char *name, size_t length)
{
    bool required = length > 0 && name[0] == '!';
    name += required;
    length -= required;
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        if (strlen(features[i].name) != length || memcmp(features[i].name, name, length) != 0)
            continue;
        notes->supported |= 1u << features[i].bit;
        if (required)
            notes->required |= 1u << features[i].bit;
        return;
    }
    if (required)
        notes->unknown_feature = true;
}

/* Names separated by `|`. */
static void read_features(struct elf_notes *notes, const char *text, size_t size)
{
    size_t end = strnlen(text, size);
    size_t start = 0;
    for (size_t i = 0; i <= end; i++) {
        if (i == end || text[i] == '|') {
            read_feature(notes, text + start, i - start);
            start = i + 1;
        }
    }
}

static void read_note(struct elf_notes *notes, uint32_t type, const uint8_t *data, uint32_t size)
{
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        notes->entry = note_number(data, size);
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        notes->hypercall_page = note_number(data, size);
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        notes->virt_base = note_number(data, size);
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        notes->paddr_offset = note_number(data, size);
        break;
    case XEN_ELFNOTE_INIT_P2M:
        notes->init_p2m = note_number(data, size);
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        notes->initrd_unmapped = note_number(data, size) != 0;
        break;
    case XEN_ELFNOTE_SUSPEND_CANCEL:
        notes->suspend_cancel = note_number(data, size) != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        notes->supported |= (uint32_t)note_number(data, size);
        notes->has_feature_mask = true;
        break;
    case XEN_ELFNOTE_FEATURES:
        read_features(notes, (const char *)data, size);
        break;
    case XEN_ELFNOTE_BSD_SYMTAB:
        notes->wants_symbols = strnlen((const char *)data, size) == 3 && !memcmp(data, "yes", 3);
        break;
    case XEN_ELFNOTE_LOADER:
        note_text(notes->loader, data, size);
        break;
    case XEN_ELFNOTE_XEN_VERSION:
        note_text(notes->xen_version, data, size);
        break;
    case XEN_ELFNOTE_GUEST_OS:
        note_text(notes->guest_os, data, size);
        break;
    case XEN_ELFNOTE_GUEST_VERSION:
        note_text(notes->guest_version, data, size);
        break;
    default:
        break; /* notes for other kinds of guests, and of later years */
    }
}

static uint64_t padded(uint32_t size)
{
    return ((uint64_t)size + 3) & ~UINT64_C(3);
}

bool elf_notes_read(struct elf_notes *notes, const uint8_t *area, uint64_t size)
{
    struct elf64_note note;
    while (size >= sizeof(note)) {
        memcpy(&note, area, sizeof(note));
        area += sizeof(note);
        size -= sizeof(note);
        uint64_t name_size = padded(note.name_size);
        /* The last description of an area may lack its padding. */
        if (name_size > size || note.description_size > size - name_size)
            return false;
        const uint8_t *description = area + name_size;
        if (note.name_size == sizeof("Xen") && memcmp(area, "Xen", sizeof("Xen")) == 0) {
            notes->count++;
            read_note(notes, note.type, description, note.description_size);
        }
        uint64_t step = name_size + padded(note.description_size);
        if (step >= size)
            return true;
        area += step;
        size -= step;
    }
    return true;
}

enum elf_error elf_notes_check(const struct elf_notes *notes)
{
    if (notes->count == 0)
        return ELF_NO_NOTES;
    if (!text_starts_with(notes->xen_version, "xen-3.0"))
        return ELF_VERSION;
    if (!text_starts_with(notes->loader, "generic") && !text_starts_with(notes->guest_os, "linux"))
        return ELF_LOADER;
    if (notes->unknown_feature)
        return ELF_FEATURE;
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        if ((notes->required & 1u << features[i].bit) && !features[i].provided)
            return ELF_FEATURE;
    }
    if (notes->wants_symbols)
        return ELF_SYMBOLS;
    return ELF_OK;
}
