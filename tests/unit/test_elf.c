/* SPDX-License-Identifier: MIT */
/* The kernel reader: what it takes from a good file, and the one error for each bad file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#include "lib/elf.h"
#include "tests/unit/elf_image.h"

static struct elf_image image;
static struct elf_kernel kernel;

static int make_image(void **state)
{
    (void)state;
    elf_image_init(&image);
    return 0;
}

/* From a heap block of the exact size, so that the address sanitizer sees each byte too far. */
static enum elf_error read_bytes(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, image.bytes, size);
    memset(&kernel, 0xaa, sizeof(kernel));
    enum elf_error error = elf_read_kernel(copy, size, &kernel);
    free(copy);
    return error;
}

static void assert_read(enum elf_error expected)
{
    enum elf_error error = read_bytes(IMAGE_SIZE);
    assert_string_equal(elf_error_text(error), elf_error_text(expected));
}

static void test_good(void **state)
{
    (void)state;
    elf_image_add_number(&image, XEN_ELFNOTE_MOD_START_PFN, 1);
    elf_image_add_number(&image, XEN_ELFNOTE_SUSPEND_CANCEL, 1);
    elf_image_add_number(&image, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
    elf_image_add_text(&image, XEN_ELFNOTE_FEATURES, "!writable_page_tables|dom0|hers");
    assert_read(ELF_OK);
    assert_int_equal(kernel.entry, IMAGE_BASE + 0x100010);
    assert_int_equal(kernel.virt_base, IMAGE_BASE);
    assert_int_equal(kernel.paddr_offset, 0);
    assert_int_equal(kernel.start, IMAGE_BASE + 0x100000);
    assert_int_equal(kernel.end, IMAGE_BASE + 0x104345);
    assert_int_equal(kernel.hypercall_page, IMAGE_BASE + 0x101000);
    assert_int_equal(kernel.init_p2m, 0x8000000000);
    assert_true(kernel.initrd_unmapped && kernel.suspend_cancel && kernel.may_be_initial);
    assert_int_equal(kernel.required, 1 << XENFEAT_writable_page_tables);
    assert_int_equal(kernel.supported, 1 << XENFEAT_writable_page_tables | 1 << XENFEAT_dom0);
    assert_string_equal(kernel.guest_os, "test");
    assert_string_equal(kernel.guest_version, "");
    assert_int_equal(kernel.segment_count, 2);
    assert_int_equal(kernel.segments[1].file_offset, IMAGE_LOAD + 0x2000);
    assert_int_equal(kernel.segments[1].file_size, 0x800);
    assert_int_equal(kernel.segments[1].address, IMAGE_BASE + 0x102000);
    assert_int_equal(kernel.segments[1].memory_size, 0x2345);
}

static void test_defaults(void **state)
{
    (void)state;
    elf_image_drop_notes(&image);
    elf_image_add_text(&image, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_image_add_text(&image, XEN_ELFNOTE_GUEST_OS, "linux");
    image.header.entry = 0x100000;
    assert_read(ELF_OK);
    assert_int_equal(kernel.virt_base, 0);
    assert_int_equal(kernel.entry, 0x100000);
    assert_int_equal(kernel.start, 0x100000);
    assert_int_equal(kernel.hypercall_page, ELF_NO_ADDRESS);
    assert_int_equal(kernel.init_p2m, ELF_NO_ADDRESS);
    assert_false(kernel.initrd_unmapped);
    assert_true(kernel.may_be_initial);
}

/* p_paddr counts, reduced by the offset; p_vaddr does not. */
static void test_paddr_offset(void **state)
{
    (void)state;
    elf_image_add_number(&image, XEN_ELFNOTE_PADDR_OFFSET, IMAGE_BASE);
    image.segments[0].physical_address += IMAGE_BASE;
    image.segments[1].physical_address += IMAGE_BASE;
    image.segments[0].virtual_address = image.segments[1].virtual_address = 77;
    assert_read(ELF_OK);
    assert_int_equal(kernel.paddr_offset, IMAGE_BASE);
    assert_int_equal(kernel.start, IMAGE_BASE + 0x100000);
    image.segments[1].physical_address = 0x1000;
    assert_read(ELF_SEGMENT_ADDRESS);
}

static void test_note_entry_and_sections(void **state)
{
    (void)state;
    uint32_t narrow = 0x100020;
    elf_image_add_note(&image, "Xen", XEN_ELFNOTE_ENTRY, &narrow, sizeof(narrow));
    assert_read(ELF_ENTRY);
    elf_image_add_number(&image, XEN_ELFNOTE_ENTRY, IMAGE_BASE + 0x102004);
    assert_read(ELF_OK);
    assert_int_equal(kernel.entry, IMAGE_BASE + 0x102004);

    /* The same notes from a section only. */
    struct elf64_section section = {
        .type = ELF_SECTION_NOTE, .offset = IMAGE_NOTES, .size = image.notes_size};
    image.segments[2].type = 0;
    image.header.section_table = 0x400;
    image.header.section_count = 2;
    image.header.section_entry_size = sizeof(section);
    memcpy(image.bytes + 0x440, &section, sizeof(section));
    assert_read(ELF_OK);
    image.header.section_table = UINT64_MAX - 64;
    assert_read(ELF_NO_NOTES);
}

static void test_header_errors(void **state)
{
    (void)state;
    image.header.magic[0] = 'M';
    assert_read(ELF_NOT_ELF);
    memcpy(image.bytes + 0x202, "HdrS", 4);
    assert_read(ELF_BOOT_IMAGE);
    elf_image_init(&image);
    memcpy(image.header.magic, "\x28\xb5\x2f\xfd", 4);
    assert_read(ELF_COMPRESSED);
    elf_image_init(&image);
    image.header.class = ELF_CLASS_32;
    image.header.machine = ELF_MACHINE_386;
    assert_read(ELF_32_BIT);
    elf_image_init(&image);
    image.header.machine = 183;
    assert_read(ELF_MACHINE);
    elf_image_init(&image);
    image.header.data = 2;
    assert_read(ELF_MACHINE);
    elf_image_init(&image);
    image.header.type = 1;
    assert_read(ELF_TYPE);
    elf_image_init(&image);
    image.header.segment_entry_size = 32;
    assert_read(ELF_HEADERS);
    elf_image_init(&image);
    image.header.segment_count = 0;
    assert_read(ELF_NO_SEGMENTS);
    elf_image_init(&image);
    image.header.segment_count = 65535;
    assert_read(ELF_TRUNCATED);
    image.header.segment_count = 4;
    image.header.segment_table = UINT64_MAX - 7;
    assert_read(ELF_TRUNCATED);
}

static void test_segment_errors(void **state)
{
    (void)state;
    image.segments[1].file_size = 0x2346;
    assert_read(ELF_TRUNCATED);
    image.segments[1].offset = 0x1000;
    assert_read(ELF_SEGMENT_SIZE);
    elf_image_init(&image);
    image.segments[1].offset = UINT64_MAX;
    assert_read(ELF_TRUNCATED);
    elf_image_init(&image);
    image.segments[1].physical_address = 0x101fff;
    assert_read(ELF_OVERLAP);
    elf_image_init(&image);
    image.segments[1].memory_size = UINT64_MAX;
    assert_read(ELF_SEGMENT_ADDRESS);
    elf_image_init(&image);
    image.segments[0].type = image.segments[1].type = 0;
    assert_read(ELF_NO_SEGMENTS);
    elf_image_init(&image);
    image.segments[0].flags = image.segments[1].flags = 0;
    assert_read(ELF_NO_SEGMENTS);
}

static void test_too_many_segments(void **state)
{
    (void)state;
    image.header.segment_table = 0x400;
    image.header.segment_count = ELF_SEGMENTS_MAX + 1;
    struct elf64_segment *table = (struct elf64_segment *)(image.bytes + 0x2000);
    image.header.segment_table = 0x2000;
    for (unsigned i = 0; i < ELF_SEGMENTS_MAX + 1; i++) {
        table[i] = image.segments[0];
        table[i].physical_address += i * 0x2000;
    }
    table[ELF_SEGMENTS_MAX] = image.segments[2];
    assert_read(ELF_OK);
    image.header.segment_count++;
    table[ELF_SEGMENTS_MAX + 1] = table[0];
    table[ELF_SEGMENTS_MAX + 1].physical_address = 0x900000;
    assert_read(ELF_TOO_MANY_SEGMENTS);
}

static void test_note_errors(void **state)
{
    (void)state;
    elf_image_drop_notes(&image);
    assert_read(ELF_NO_NOTES);
    elf_image_add_note(&image, "GNU", XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
    assert_read(ELF_NO_NOTES);
    elf_image_add_text(&image, XEN_ELFNOTE_XEN_VERSION, "xen-4.0");
    assert_read(ELF_VERSION);
    elf_image_add_text(&image, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    assert_read(ELF_LOADER);
    elf_image_add_text(&image, XEN_ELFNOTE_LOADER, "generic");
    elf_image_add_text(&image, XEN_ELFNOTE_BSD_SYMTAB, "yes");
    assert_read(ELF_SYMBOLS);

    elf_image_init(&image);
    image.segments[2].file_size -= 6; /* into the last description */
    assert_read(ELF_NOTES);
    image.segments[2].file_size = IMAGE_SIZE;
    assert_read(ELF_TRUNCATED);
    elf_image_init(&image);
    uint32_t huge = UINT32_MAX;
    memcpy(image.bytes + IMAGE_NOTES, &huge, sizeof(huge));
    assert_read(ELF_NOTES);
}

static void assert_features(const char *text, enum elf_error expected)
{
    elf_image_init(&image);
    elf_image_add_text(&image, XEN_ELFNOTE_FEATURES, text);
    assert_read(expected);
}

static void test_features(void **state)
{
    (void)state;
    assert_features("auto_translated_physmap|supervisor_mode_kernel|unheard_of||", ELF_OK);
    assert_features("!pae_pgdir_above_4gb|!dom0", ELF_OK);
    assert_features("dom0|!auto_translated_physmap", ELF_FEATURE);
    assert_features("!supervisor_mode_kernel", ELF_FEATURE);
    assert_features("!unheard_of|dom0", ELF_FEATURE);
    elf_image_init(&image);
    uint32_t mask = 1 << XENFEAT_writable_page_tables;
    elf_image_add_note(&image, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &mask, sizeof(mask));
    assert_read(ELF_OK);
    assert_false(kernel.may_be_initial);
}

static void assert_number_note(uint32_t type, uint64_t value, enum elf_error expected)
{
    elf_image_init(&image);
    elf_image_add_number(&image, type, value);
    assert_read(expected);
}

static void test_address_errors(void **state)
{
    (void)state;
    assert_number_note(XEN_ELFNOTE_VIRT_BASE, IMAGE_BASE + 1, ELF_BASE);
    assert_number_note(XEN_ELFNOTE_VIRT_BASE, UINT64_MAX - 0xfff, ELF_SEGMENT_ADDRESS);
    assert_number_note(XEN_ELFNOTE_ENTRY, IMAGE_BASE + 0xfffff, ELF_ENTRY);
    assert_number_note(XEN_ELFNOTE_ENTRY, IMAGE_BASE + 0x104345, ELF_ENTRY);
    assert_number_note(XEN_ELFNOTE_ENTRY, IMAGE_BASE + 0x104344, ELF_OK);
    assert_number_note(XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_BASE + 0x100800, ELF_HYPERCALL_PAGE);
    assert_number_note(XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_BASE + 0x105000, ELF_HYPERCALL_PAGE);
    assert_number_note(XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_BASE + 0xff000, ELF_HYPERCALL_PAGE);
    assert_number_note(XEN_ELFNOTE_INIT_P2M, IMAGE_BASE + 0x100000, ELF_P2M);
    assert_number_note(XEN_ELFNOTE_INIT_P2M, 0x8000000800, ELF_P2M);
    elf_image_drop_notes(&image);
    elf_image_add_text(&image, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_image_add_text(&image, XEN_ELFNOTE_LOADER, "generic");
    elf_image_add_number(&image, XEN_ELFNOTE_PADDR_OFFSET, 0);
    assert_read(ELF_BASE);
}

/* Whatever the length at which a file is cut, it is refused and nothing beyond is read. */
static void test_every_length(void **state)
{
    (void)state;
    for (size_t size = 0; size < IMAGE_SIZE; size++) {
        enum elf_error error = read_bytes(size);
        if (size < 4)
            assert_int_equal(error, ELF_NOT_ELF);
        else if (size < IMAGE_LOAD + 0x2800)
            assert_int_equal(error, ELF_TRUNCATED);
        else
            assert_int_equal(error, ELF_OK);
    }
}

/* Any single byte of headers and notes may be anything: no bad access, no inconsistent answer. */
static void test_corrupted_bytes(void **state)
{
    (void)state;
    const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t at = 0; at < IMAGE_NOTES + image.notes_size; at++) {
        for (size_t i = 0; i < sizeof(values); i++) {
            uint8_t kept = image.bytes[at];
            image.bytes[at] = values[i];
            if (read_bytes(IMAGE_SIZE) == ELF_OK) {
                assert_true(kernel.start >= kernel.virt_base && kernel.end > kernel.start);
                assert_in_range(kernel.segment_count, 1, ELF_SEGMENTS_MAX);
            }
            image.bytes[at] = kept;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, make_image),
        cmocka_unit_test_setup(test_defaults, make_image),
        cmocka_unit_test_setup(test_paddr_offset, make_image),
        cmocka_unit_test_setup(test_note_entry_and_sections, make_image),
        cmocka_unit_test_setup(test_header_errors, make_image),
        cmocka_unit_test_setup(test_segment_errors, make_image),
        cmocka_unit_test_setup(test_too_many_segments, make_image),
        cmocka_unit_test_setup(test_note_errors, make_image),
        cmocka_unit_test_setup(test_features, make_image),
        cmocka_unit_test_setup(test_address_errors, make_image),
        cmocka_unit_test_setup(test_every_length, make_image),
        cmocka_unit_test_setup(test_corrupted_bytes, make_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
