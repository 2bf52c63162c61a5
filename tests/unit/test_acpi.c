/* SPDX-License-Identifier: MIT */
/* The ACPI tables of made-up machines: complete ones, truncated ones, lying ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "hypervisor/io/acpi.h"
#include "hypervisor/io/acpi_table.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/power.h"
#include "hypervisor/memory/map.h"

#define MEMORY_SIZE 0x200000

static uint8_t *memory;
struct boot_info boot_info;

const void *map_firmware(uint64_t physical, size_t size)
{
    return size && size <= MEMORY_SIZE && physical <= MEMORY_SIZE - size ? memory + physical : NULL;
}

void printk(const char *format, ...)
{
    (void)format;
}

static void checksum(uint64_t at, size_t size, size_t field)
{
    uint8_t sum = 0;
    memory[at + field] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + field] = (uint8_t)-sum;
}

/* Write a table with its header; its address is what the root table gets. */
static void table_put(uint64_t at, const char *signature, const void *payload, uint32_t size)
{
    struct acpi_header header = {.length = (uint32_t)sizeof(header) + size, .revision = 1};
    memcpy(header.signature, signature, 4);
    memcpy(memory + at, &header, sizeof(header));
    memcpy(memory + at + sizeof(header), payload, size);
    checksum(at, header.length, offsetof(struct acpi_header, checksum));
}

static void rsdp_put(uint64_t at, uint32_t rsdt, uint64_t xsdt)
{
    struct acpi_rsdp rsdp = {.signature = "RSD PTR ",
                             .revision = xsdt ? 2 : 0,
                             .rsdt = rsdt,
                             .length = sizeof(rsdp),
                             .xsdt = xsdt};
    memcpy(memory + at, &rsdp, sizeof(rsdp));
    checksum(at, ACPI_RSDP1_SIZE, offsetof(struct acpi_rsdp, checksum));
}

static struct {
    uint32_t local_apic, flags;
    struct acpi_madt_local_apic processors[3];
    struct acpi_madt_io_apic io_apic;
    struct acpi_madt_override overrides[2];
    struct acpi_madt_x2apic x2apic[2];
    struct acpi_madt_entry unknown;
} __attribute__((packed)) madt = {
    .local_apic = 0xfee00000,
    .flags = 1,
    .processors = {{{0, 8}, 0, 0, 1}, {{0, 8}, 1, 2, 1}, {{0, 8}, 2, 4, 0}},
    .io_apic = {{1, 12}, 7, 0, 0xfec00000, 0},
    .overrides = {{{2, 10}, 0, 0, 2, 0}, {{2, 10}, 0, 9, 20, 0xf}},
    .x2apic = {{{9, 16}, 0, 2, 1, 1}, {{9, 16}, 0, 300, 1, 5}},
    .unknown = {77, 2},
};

static int make_machine(void **state)
{
    (void)state;
    uint32_t tables[] = {0x2000, 0x3000, 0x4000};
    uint8_t fadt[sizeof(struct acpi_fadt)] = {0};
    struct acpi_fadt *fields = (struct acpi_fadt *)fadt;
    const uint8_t dsdt[] = {0x08, '_', 'S',  '4',  '_',  0x12, 2,    0,    0x08, '_', 'S',
                            '5',  '_', 0x12, 0x06, 0x04, 0x0a, 0x07, 0x0a, 0x05, 0,   0};
    struct acpi_hpet hpet = {.address = {.space = 0, .address = 0xfed00000}};

    memory = calloc(1, MEMORY_SIZE);
    memset(&boot_info, 0, sizeof(boot_info));
    rsdp_put(0xf1230, 0x1000, 0);
    table_put(0x1000, "RSDT", tables, sizeof(tables));
    table_put(0x2000, "APIC", &madt, sizeof(madt));
    fields->dsdt = 0x5000;
    fields->pm1a_control = 0x604;
    fields->pm_timer = 0x608;
    fields->pm_timer_length = 4;
    fields->flags = ACPI_FADT_TIMER_32BIT | ACPI_FADT_RESET;
    fields->reset = (struct acpi_address){.space = 1, .address = 0xcf9};
    fields->reset_value = 15;
    table_put(0x3000, "FACP", fadt + sizeof(struct acpi_header),
              sizeof(fadt) - sizeof(struct acpi_header));
    table_put(0x4000, "HPET", &hpet.block_id, sizeof(hpet) - sizeof(struct acpi_header));
    table_put(0x5000, "DSDT", dsdt, sizeof(dsdt));
    return 0;
}

static int free_machine(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void test_whole_machine(void **state)
{
    (void)state;
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 3);
    assert_int_equal(acpi_info.processors[1].apic_id, 2);
    assert_int_equal(acpi_info.processors[2].apic_id, 300);
    assert_int_equal(acpi_info.processors[2].acpi_id, 5);
    assert_int_equal(acpi_info.io_apic_count, 1);
    assert_int_equal(acpi_info.io_apics[0].address, 0xfec00000);
    assert_int_equal(acpi_info.isa_irqs[0].gsi, 2);
    assert_int_equal(acpi_info.isa_irqs[1].gsi, 1);
    assert_int_equal(acpi_info.isa_irqs[9].gsi, 20);
    assert_true(acpi_info.isa_irqs[9].level_triggered && acpi_info.isa_irqs[9].active_low);
    assert_int_equal(acpi_info.hpet, 0xfed00000);
    assert_int_equal(acpi_info.pm_timer_port, 0x608);
    assert_true(acpi_info.pm_timer_32bit);
    assert_int_equal(acpi_info.reset_port, 0xcf9);
    assert_int_equal(acpi_info.reset_value, 15);
    assert_true(acpi_info.soft_off_known);
    assert_int_equal(acpi_info.soft_off_type[0], 7);
    assert_int_equal(acpi_info.soft_off_type[1], 5);
}

static void test_xsdt_from_loader_copy(void **state)
{
    (void)state;
    uint64_t tables[] = {0x2000};

    memset(memory + 0xf1230, 0, 64);
    table_put(0x6000, "XSDT", tables, sizeof(tables));
    rsdp_put(0x7000, 0x1000, 0x6000);
    memcpy(boot_info.rsdp_copy, memory + 0x7000, sizeof(boot_info.rsdp_copy));
    boot_info.rsdp_copied = true;
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 3);
    assert_int_equal(acpi_info.hpet, 0); /* only in the RSDT */
}

static void test_rsdp_in_ebda(void **state)
{
    (void)state;
    memset(memory + 0xf1230, 0, 64);
    memory[0x40e] = 0xc0;
    memory[0x40f] = 0x9f;
    rsdp_put(0x9fc40, 0x1000, 0);
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 3);
}

static void test_nothing(void **state)
{
    (void)state;
    memset(memory, 0, MEMORY_SIZE);
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 0);
    assert_int_equal(acpi_info.local_apic, 0xfee00000);
    assert_int_equal(acpi_info.isa_irqs[4].gsi, 4);
}

static void test_bad_checksum_is_absent(void **state)
{
    (void)state;
    memory[0x2000 + 40] ^= 1;
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 0);
    assert_int_equal(acpi_info.hpet, 0xfed00000);
}

static void test_table_longer_than_memory(void **state)
{
    (void)state;
    ((struct acpi_header *)(memory + 0x2000))->length = 0x7fffffff;
    ((struct acpi_header *)(memory + 0x4000))->length = 8;
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 0);
    assert_int_equal(acpi_info.hpet, 0);
}

/* An entry of length 0 must not loop; one longer than the table must not be read. */
static void test_bad_madt_entries(void **state)
{
    (void)state;
    uint64_t first = 0x2000 + sizeof(struct acpi_madt);

    memory[first + 8 + 1] = 0;
    checksum(0x2000, sizeof(struct acpi_header) + sizeof(madt), 9);
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 1);
    memory[first + 8 + 1] = 255;
    checksum(0x2000, sizeof(struct acpi_header) + sizeof(madt), 9);
    acpi_start();
    assert_int_equal(acpi_info.processor_count, 1);
    memory[first + 1] = 4; /* shorter than its type: skipped, and what follows is noise */
    memory[first + 8 + 1] = 8;
    checksum(0x2000, sizeof(struct acpi_header) + sizeof(madt), 9);
    acpi_start();
    assert_true(acpi_info.processor_count <= 3);
}

static void test_too_many_processors(void **state)
{
    (void)state;
    struct {
        uint32_t local_apic, flags;
        struct acpi_madt_local_apic processors[PCPU_MAX + 5];
    } __attribute__((packed)) many = {0xfee00000, 1, {{{0, 0}, 0, 0, 0}}};

    for (unsigned i = 0; i < PCPU_MAX + 5; i++)
        many.processors[i] = (struct acpi_madt_local_apic){{0, 8}, (uint8_t)i, (uint8_t)i, 1};
    table_put(0x2000, "APIC", &many, sizeof(many));
    acpi_start();
    assert_int_equal(acpi_info.processor_count, PCPU_MAX);
    assert_int_equal(acpi_info.processors_ignored, 5);
}

static void test_soft_off_variants(void **state)
{
    (void)state;
    uint8_t type[2];
    const uint8_t constants[] = {0x08, '_', 'S', '5', '_', 0x12, 4, 2, 0x01, 0x00};
    const uint8_t rooted[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 0x06, 4, 0x0b, 3, 0, 0x0a, 2};
    const uint8_t method[] = {0x14, '_', 'S', '5', '_', 0x12, 4, 2, 0x01, 0x00};
    const uint8_t cut[] = {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a};

    assert_true(power_find_soft_off(constants, sizeof(constants), type));
    assert_int_equal(type[0], 1);
    assert_int_equal(type[1], 0);
    assert_true(power_find_soft_off(rooted, sizeof(rooted), type));
    assert_int_equal(type[0], 3);
    assert_int_equal(type[1], 2);
    assert_false(power_find_soft_off(method, sizeof(method), type));
    assert_false(power_find_soft_off(cut, sizeof(cut), type));
    assert_false(power_find_soft_off(cut, 3, type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_machine, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_xsdt_from_loader_copy, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_rsdp_in_ebda, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_nothing, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_bad_checksum_is_absent, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_table_longer_than_memory, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_bad_madt_entries, make_machine, free_machine),
        cmocka_unit_test_setup_teardown(test_too_many_processors, make_machine, free_machine),
        cmocka_unit_test(test_soft_off_variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
