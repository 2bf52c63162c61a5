/* SPDX-License-Identifier: MIT */
#include "lib/elf.h"

#include <xen/features.h>

#include "lib/elf_format.h"
#include "lib/elf_notes.h"
#include "lib/string.h"
#include "lib/text.h"

#define PAGE_MASK UINT64_C(0xfff)

/* The file, and what has been taken from its header. */
struct elf_file {
    const uint8_t *image;
    uint64_t size;
    struct elf64_header header;
};

static const char *const error_texts[ELF_ERROR_COUNT] = {
    [ELF_OK] = "is a usable kernel",
    [ELF_NOT_ELF] = "is not an ELF file",
    [ELF_BOOT_IMAGE] = "is a Linux boot image (bzImage) that tools/make-archive did not unpack",
    [ELF_COMPRESSED] = "is compressed: it must be unpacked first",
    [ELF_TRUNCATED] = "is truncated: its headers point beyond its end",
    [ELF_32_BIT] = "is a 32-bit kernel; only 64-bit kernels are supported",
    [ELF_MACHINE] = "is not made for x86-64",
    [ELF_TYPE] = "is not an executable",
    [ELF_HEADERS] = "has program headers of an unknown size",
    [ELF_NO_SEGMENTS] = "has no segment to load",
    [ELF_TOO_MANY_SEGMENTS] = "has too many segments",
    [ELF_SEGMENT_SIZE] = "has a segment that is larger in the file than in memory",
    [ELF_SEGMENT_ADDRESS] = "has a segment outside the address space above its base",
    [ELF_OVERLAP] = "has overlapping segments",
    [ELF_NOTES] = "has malformed notes",
    [ELF_NO_NOTES] = "has no Xen notes, so it is not a kernel for this hypervisor",
    [ELF_VERSION] = "is not built for the interface xen-3.0",
    [ELF_LOADER] = "wants a loader other than the generic one",
    [ELF_FEATURE] = "requires a feature that this hypervisor does not have",
    [ELF_SYMBOLS] = "wants its symbol table loaded, which is not supported",
    [ELF_BASE] = "has a bad virtual base address",
    [ELF_ENTRY] = "has its entry point outside its segments",
    [ELF_HYPERCALL_PAGE] = "has its hypercall page outside its image or not page-aligned",
    [ELF_P2M] = "wants its pseudo-physical map at a bad address",
};

const char *elf_error_text(enum elf_error error)
{
    return (unsigned)error < ELF_ERROR_COUNT ? error_texts[error] : "has an unknown error";
}

static bool inside_file(const struct elf_file *file, uint64_t offset, uint64_t size)
{
    return offset <= file->size && size <= file->size - offset;
}

/* What else people give for a kernel; offset and bytes that tell it. */
static const struct {
    uint64_t offset;
    const char *magic;
    enum elf_error error;
} other_files[] = {
    {0x202, "HdrS", ELF_BOOT_IMAGE},         {0, "\x1f\x8b\x08", ELF_COMPRESSED},
    {0, "\xfd\x37zXZ", ELF_COMPRESSED},      {0, "\x28\xb5\x2f\xfd", ELF_COMPRESSED},
    {0, "\x02\x21\x4c\x18", ELF_COMPRESSED}, {0, "\x04\x22\x4d\x18", ELF_COMPRESSED},
};

static enum elf_error name_other_file(const struct elf_file *file)
{
    for (unsigned i = 0; i < sizeof(other_files) / sizeof(other_files[0]); i++) {
        uint64_t offset = other_files[i].offset;
        size_t size = strlen(other_files[i].magic);
        if (inside_file(file, offset, size) &&
            memcmp((const char *)file->image + offset, other_files[i].magic, size) == 0)
            return other_files[i].error;
    }
    return ELF_NOT_ELF;
}

static enum elf_error read_header(struct elf_file *file)
{
    struct elf64_header *header = &file->header;
    memset(header, 0, sizeof(*header));
    memcpy(header, file->image, file->size < sizeof(*header) ? file->size : sizeof(*header));
    if (file->size < 4 || memcmp(header->magic, ELF_MAGIC, 4) != 0)
        return name_other_file(file);
    if (file->size < sizeof(*header))
        return ELF_TRUNCATED;
    if (header->class == ELF_CLASS_32)
        return header->machine == ELF_MACHINE_386 || header->machine == ELF_MACHINE_X86_64
                   ? ELF_32_BIT
                   : ELF_MACHINE;
    if (header->class != ELF_CLASS_64 || header->data != ELF_DATA_LITTLE ||
        header->machine != ELF_MACHINE_X86_64)
        return ELF_MACHINE;
    if (header->type != ELF_TYPE_EXEC && header->type != ELF_TYPE_DYN)
        return ELF_TYPE;
    if (header->segment_count == 0)
        return ELF_NO_SEGMENTS;
    if (header->segment_entry_size != sizeof(struct elf64_segment))
        return ELF_HEADERS;
    if (!inside_file(file, header->segment_table,
                     header->segment_count * sizeof(struct elf64_segment)))
        return ELF_TRUNCATED;
    return ELF_OK;
}

/* The caller has checked that the whole table is inside the file. */
static struct elf64_segment read_segment(const struct elf_file *file, unsigned index)
{
    struct elf64_segment segment;
    memcpy(&segment, file->image + file->header.segment_table + index * sizeof(segment),
           sizeof(segment));
    return segment;
}

static enum elf_error read_note_segments(const struct elf_file *file, struct elf_notes *notes)
{
    for (unsigned i = 0; i < file->header.segment_count; i++) {
        struct elf64_segment segment = read_segment(file, i);
        if (segment.type != ELF_SEGMENT_NOTE)
            continue;
        if (!inside_file(file, segment.offset, segment.file_size))
            return ELF_TRUNCATED;
        if (!elf_notes_read(notes, file->image + segment.offset, segment.file_size))
            return ELF_NOTES;
    }
    return ELF_OK;
}

/* Only kernels whose linker script made no PT_NOTE segment need this. */
static enum elf_error read_note_sections(const struct elf_file *file, struct elf_notes *notes)
{
    const struct elf64_header *header = &file->header;
    struct elf64_section section;
    if (header->section_entry_size != sizeof(section) ||
        !inside_file(file, header->section_table, header->section_count * sizeof(section)))
        return ELF_OK; /* stripped: then there are none */
    for (unsigned i = 0; i < header->section_count; i++) {
        memcpy(&section, file->image + header->section_table + i * sizeof(section),
               sizeof(section));
        if (section.type != ELF_SECTION_NOTE)
            continue;
        if (!inside_file(file, section.offset, section.size))
            return ELF_TRUNCATED;
        if (!elf_notes_read(notes, file->image + section.offset, section.size))
            return ELF_NOTES;
    }
    return ELF_OK;
}

static enum elf_error read_notes(const struct elf_file *file, struct elf_notes *notes)
{
    elf_notes_init(notes);
    enum elf_error error = read_note_segments(file, notes);
    if (error == ELF_OK && notes->count == 0)
        error = read_note_sections(file, notes);
    return error != ELF_OK ? error : elf_notes_check(notes);
}

/* Take over what the notes say, with Xen's defaults for what they leave out. */
static enum elf_error apply_notes(const struct elf_file *file, const struct elf_notes *notes,
                                  struct elf_kernel *kernel)
{
    if (notes->paddr_offset != ELF_NO_ADDRESS && notes->virt_base == ELF_NO_ADDRESS)
        return ELF_BASE;
    kernel->virt_base = notes->virt_base == ELF_NO_ADDRESS ? 0 : notes->virt_base;
    kernel->paddr_offset = notes->paddr_offset == ELF_NO_ADDRESS ? 0 : notes->paddr_offset;
    if (kernel->virt_base & PAGE_MASK || kernel->paddr_offset & PAGE_MASK)
        return ELF_BASE;
    kernel->entry = notes->entry == ELF_NO_ADDRESS ? file->header.entry : notes->entry;
    kernel->hypercall_page = notes->hypercall_page;
    kernel->init_p2m = notes->init_p2m;
    kernel->initrd_unmapped = notes->initrd_unmapped;
    kernel->suspend_cancel = notes->suspend_cancel;
    kernel->supported = notes->supported;
    kernel->required = notes->required;
    kernel->may_be_initial = !notes->has_feature_mask || notes->supported & 1u << XENFEAT_dom0;
    text_copy(kernel->guest_os, notes->guest_os, sizeof(kernel->guest_os));
    text_copy(kernel->guest_version, notes->guest_version, sizeof(kernel->guest_version));
    return ELF_OK;
}

static enum elf_error check_overlap(const struct elf_kernel *kernel,
                                    const struct elf_load_segment *added)
{
    for (unsigned i = 0; i < kernel->segment_count; i++) {
        const struct elf_load_segment *other = &kernel->segments[i];
        if (added->address < other->address + other->memory_size &&
            other->address < added->address + added->memory_size)
            return ELF_OVERLAP;
    }
    return ELF_OK;
}

static enum elf_error add_segment(const struct elf_file *file, const struct elf64_segment *header,
                                  struct elf_kernel *kernel)
{
    uint64_t offset, address, end;
    if (!inside_file(file, header->offset, header->file_size))
        return ELF_TRUNCATED;
    if (header->file_size > header->memory_size)
        return ELF_SEGMENT_SIZE;
    if (__builtin_sub_overflow(header->physical_address, kernel->paddr_offset, &offset) ||
        __builtin_add_overflow(offset, kernel->virt_base, &address) ||
        __builtin_add_overflow(address, header->memory_size, &end))
        return ELF_SEGMENT_ADDRESS;
    if (kernel->segment_count == ELF_SEGMENTS_MAX)
        return ELF_TOO_MANY_SEGMENTS;

    struct elf_load_segment segment = {.file_offset = header->offset,
                                       .file_size = header->file_size,
                                       .address = address,
                                       .memory_size = header->memory_size};
    enum elf_error error = check_overlap(kernel, &segment);
    if (error != ELF_OK)
        return error;
    kernel->segments[kernel->segment_count++] = segment;
    if (address < kernel->start)
        kernel->start = address;
    if (end > kernel->end)
        kernel->end = end;
    return ELF_OK;
}

static enum elf_error read_load_segments(const struct elf_file *file, struct elf_kernel *kernel)
{
    kernel->segment_count = 0;
    kernel->start = UINT64_MAX;
    kernel->end = 0;
    for (unsigned i = 0; i < file->header.segment_count; i++) {
        struct elf64_segment segment = read_segment(file, i);
        if (segment.type != ELF_SEGMENT_LOAD || !(segment.flags & ELF_SEGMENT_ACCESS) ||
            segment.memory_size == 0)
            continue;
        enum elf_error error = add_segment(file, &segment, kernel);
        if (error != ELF_OK)
            return error;
    }
    return kernel->segment_count ? ELF_OK : ELF_NO_SEGMENTS;
}

static bool inside_a_segment(const struct elf_kernel *kernel, uint64_t address)
{
    for (unsigned i = 0; i < kernel->segment_count; i++) {
        const struct elf_load_segment *segment = &kernel->segments[i];
        if (address >= segment->address && address - segment->address < segment->memory_size)
            return true;
    }
    return false;
}

/* Hold the addresses in the notes against the segments. */
static enum elf_error check_addresses(const struct elf_kernel *kernel)
{
    if (!inside_a_segment(kernel, kernel->entry))
        return ELF_ENTRY;
    uint64_t page = kernel->hypercall_page;
    if (page != ELF_NO_ADDRESS &&
        (page & PAGE_MASK || page < (kernel->start & ~PAGE_MASK) || page >= kernel->end))
        return ELF_HYPERCALL_PAGE;
    uint64_t p2m = kernel->init_p2m;
    if (p2m != ELF_NO_ADDRESS &&
        (p2m & PAGE_MASK || (p2m >= kernel->virt_base && p2m < kernel->end)))
        return ELF_P2M;
    return ELF_OK;
}

enum elf_error elf_read_kernel(const void *image, uint64_t size, struct elf_kernel *kernel)
{
    struct elf_file file = {.image = image, .size = size};
    struct elf_notes notes;
    enum elf_error error = read_header(&file);
    if (error == ELF_OK)
        error = read_notes(&file, &notes);
    if (error == ELF_OK)
        error = apply_notes(&file, &notes, kernel);
    if (error == ELF_OK)
        error = read_load_segments(&file, kernel);
    if (error == ELF_OK)
        error = check_addresses(kernel);
    return error;
}
