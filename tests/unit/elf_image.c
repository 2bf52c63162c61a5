/* SPDX-License-Identifier: MIT */
#include "tests/unit/elf_image.h"

#include <assert.h>
#include <string.h>
#include <xen/elfnote.h>

static void set_notes_size(struct elf_image *image, uint32_t size)
{
    assert(size <= IMAGE_NOTES_MAX);
    image->notes_size = size;
    image->segments[2].file_size = image->segments[2].memory_size = size;
}

void elf_image_add_note(struct elf_image *image, const char *name, uint32_t type, const void *data,
                        uint32_t size)
{
    struct elf64_note note = {
        .name_size = strlen(name) + 1, .description_size = size, .type = type};
    uint8_t *cursor = image->bytes + IMAGE_NOTES + image->notes_size;
    memcpy(cursor, &note, sizeof(note));
    cursor += sizeof(note);
    memcpy(cursor, name, note.name_size);
    cursor += (note.name_size + 3) & ~3u;
    memcpy(cursor, data, size);
    cursor += (size + 3) & ~3u;
    set_notes_size(image, cursor - image->bytes - IMAGE_NOTES);
}

void elf_image_add_number(struct elf_image *image, uint32_t type, uint64_t value)
{
    elf_image_add_note(image, "Xen", type, &value, sizeof(value));
}

void elf_image_add_text(struct elf_image *image, uint32_t type, const char *text)
{
    elf_image_add_note(image, "Xen", type, text, strlen(text) + 1);
}

void elf_image_drop_notes(struct elf_image *image)
{
    memset(image->bytes + IMAGE_NOTES, 0, IMAGE_NOTES_MAX);
    set_notes_size(image, 0);
}

void elf_image_init(struct elf_image *image)
{
    memset(image, 0, sizeof(*image));
    image->header = (struct elf64_header){.magic = {0x7f, 'E', 'L', 'F'},
                                          .class = ELF_CLASS_64,
                                          .data = ELF_DATA_LITTLE,
                                          .type = ELF_TYPE_EXEC,
                                          .machine = ELF_MACHINE_X86_64,
                                          .version = 1,
                                          .entry = IMAGE_BASE + 0x100010,
                                          .segment_table = offsetof(struct elf_image, segments),
                                          .header_size = sizeof(struct elf64_header),
                                          .segment_entry_size = sizeof(struct elf64_segment),
                                          .segment_count = 4};
    image->segments[0] = (struct elf64_segment){.type = ELF_SEGMENT_LOAD,
                                                .flags = 5,
                                                .offset = IMAGE_LOAD,
                                                .virtual_address = IMAGE_BASE + 0x100000,
                                                .physical_address = 0x100000,
                                                .file_size = 0x2000,
                                                .memory_size = 0x2000};
    image->segments[1] = (struct elf64_segment){.type = ELF_SEGMENT_LOAD,
                                                .flags = 6,
                                                .offset = IMAGE_LOAD + 0x2000,
                                                .virtual_address = IMAGE_BASE + 0x102000,
                                                .physical_address = 0x102000,
                                                .file_size = 0x800,
                                                .memory_size = 0x2345};
    image->segments[2] =
        (struct elf64_segment){.type = ELF_SEGMENT_NOTE, .flags = 4, .offset = IMAGE_NOTES};
    elf_image_add_note(image, "GNU", XEN_ELFNOTE_ENTRY, "other", 6);
    elf_image_add_text(image, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_image_add_text(image, XEN_ELFNOTE_LOADER, "generic");
    elf_image_add_text(image, XEN_ELFNOTE_GUEST_OS, "test");
    elf_image_add_number(image, XEN_ELFNOTE_VIRT_BASE, IMAGE_BASE);
    elf_image_add_number(image, XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_BASE + 0x101000);
}
