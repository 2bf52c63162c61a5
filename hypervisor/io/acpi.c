/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/acpi.h"

#include <stddef.h>

#include "boot/boot_info.h"
#include "hypervisor/io/acpi_table.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/power.h"
#include "hypervisor/memory/map.h"
#include "lib/string.h"

#define TABLE_SIZE_MAX     (1U << 20)
#define LOCAL_APIC_DEFAULT 0xfee00000
#define EBDA_SEGMENT       0x40e
#define BIOS_AREA          0xe0000
#define BIOS_AREA_END      0x100000

struct acpi_info acpi_info;

static bool checksum_ok(const void *table, size_t size)
{
    const uint8_t *byte = table;
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + byte[i]);
    return sum == 0;
}

/* A table at a physical address, complete and with a right checksum; NULL otherwise. */
static const struct acpi_header *map_table(uint64_t address)
{
    const struct acpi_header *header = map_firmware(address, sizeof(*header));

    if (!header || header->length < sizeof(*header) || header->length > TABLE_SIZE_MAX)
        return NULL;
    header = map_firmware(address, header->length);
    return header && checksum_ok(header, header->length) ? header : NULL;
}

static void add_processor(uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    if (!(flags & ACPI_PROCESSOR_ENABLED))
        return;
    /* One processor may have both an APIC and an x2APIC entry. */
    for (unsigned i = 0; i < acpi_info.processor_count; i++)
        if (acpi_info.processors[i].apic_id == apic_id)
            return;
    if (acpi_info.processor_count == PCPU_MAX) {
        acpi_info.processors_ignored++;
        return;
    }
    acpi_info.processors[acpi_info.processor_count++] =
        (struct acpi_processor){.apic_id = apic_id, .acpi_id = acpi_id};
}

static void add_io_apic(const struct acpi_madt_io_apic *entry)
{
    if (acpi_info.io_apic_count == ACPI_IO_APIC_MAX)
        return;
    acpi_info.io_apics[acpi_info.io_apic_count++] = (struct acpi_io_apic){
        .address = entry->address, .gsi_base = entry->gsi_base, .id = entry->id};
}

static void add_override(const struct acpi_madt_override *entry)
{
    if (entry->bus != 0 || entry->source >= ACPI_ISA_IRQS)
        return;
    acpi_info.isa_irqs[entry->source] =
        (struct acpi_isa_irq){.gsi = entry->gsi,
                              .level_triggered = (entry->flags >> 2 & 3) == 3,
                              .active_low = (entry->flags & 3) == 3};
}

static size_t madt_entry_size(uint8_t type)
{
    switch (type) {
    case ACPI_MADT_LOCAL_APIC:
        return sizeof(struct acpi_madt_local_apic);
    case ACPI_MADT_IO_APIC:
        return sizeof(struct acpi_madt_io_apic);
    case ACPI_MADT_OVERRIDE:
        return sizeof(struct acpi_madt_override);
    case ACPI_MADT_LOCAL_APIC_ADDRESS:
        return sizeof(struct acpi_madt_address);
    case ACPI_MADT_X2APIC:
        return sizeof(struct acpi_madt_x2apic);
    default:
        return sizeof(struct acpi_madt_entry);
    }
}

/* The entry is as long as its type says. */
static void read_madt_entry(const void *entry, uint8_t type)
{
    const struct acpi_madt_local_apic *local = entry;
    const struct acpi_madt_x2apic *x2apic = entry;

    switch (type) {
    case ACPI_MADT_LOCAL_APIC:
        if (local->apic_id != 0xff)
            add_processor(local->apic_id, local->acpi_id, local->flags);
        break;
    case ACPI_MADT_IO_APIC:
        add_io_apic(entry);
        break;
    case ACPI_MADT_OVERRIDE:
        add_override(entry);
        break;
    case ACPI_MADT_LOCAL_APIC_ADDRESS:
        acpi_info.local_apic = ((const struct acpi_madt_address *)entry)->address;
        break;
    case ACPI_MADT_X2APIC:
        add_processor(x2apic->apic_id, x2apic->acpi_id, x2apic->flags);
        break;
    }
}

static void read_madt(const struct acpi_header *header)
{
    const struct acpi_madt *madt = (const void *)header;
    const uint8_t *position = (const uint8_t *)(madt + 1), *end = (const uint8_t *)madt;

    if (header->length < sizeof(*madt))
        return;
    end += header->length;
    acpi_info.local_apic = madt->local_apic;
    acpi_info.has_8259 = madt->flags & 1;
    while ((size_t)(end - position) >= sizeof(struct acpi_madt_entry)) {
        const struct acpi_madt_entry *entry = (const void *)position;
        if (entry->length < sizeof(*entry) || entry->length > (size_t)(end - position))
            return;
        if (entry->length >= madt_entry_size(entry->type))
            read_madt_entry(entry, entry->type);
        position += entry->length;
    }
}

static void read_dsdt(uint64_t address)
{
    const struct acpi_header *dsdt = map_table(address);

    if (!dsdt || memcmp(dsdt->signature, "DSDT", 4) != 0)
        return;
    acpi_info.soft_off_known = power_find_soft_off(
        (const uint8_t *)(dsdt + 1), dsdt->length - sizeof(*dsdt), acpi_info.soft_off_type);
}

static uint16_t io_port(uint32_t port)
{
    return port <= 0xffff ? (uint16_t)port : 0;
}

static void read_fadt(const struct acpi_header *header)
{
    const struct acpi_fadt *fadt = (const void *)header;
    uint64_t dsdt;

    if (header->length < offsetof(struct acpi_fadt, reset))
        return;
    dsdt = fadt->dsdt;
    acpi_info.pm1a_control = io_port(fadt->pm1a_control);
    acpi_info.pm1b_control = io_port(fadt->pm1b_control);
    acpi_info.smi_command = io_port(fadt->smi_command);
    acpi_info.acpi_enable = fadt->acpi_enable;
    acpi_info.century_register = fadt->century;
    if (fadt->pm_timer_length == 4) {
        acpi_info.pm_timer_port = io_port(fadt->pm_timer);
        acpi_info.pm_timer_32bit = fadt->flags & ACPI_FADT_TIMER_32BIT;
    }
    if (header->length >= sizeof(*fadt)) {
        if (fadt->x_dsdt)
            dsdt = fadt->x_dsdt;
        if ((fadt->flags & ACPI_FADT_RESET) && fadt->reset.space == ACPI_SPACE_IO) {
            acpi_info.reset_port = fadt->reset.address <= 0xffff ? fadt->reset.address : 0;
            acpi_info.reset_value = fadt->reset_value;
        }
    }
    read_dsdt(dsdt);
}

static void read_hpet(const struct acpi_header *header)
{
    const struct acpi_hpet *hpet = (const void *)header;

    if (header->length >= sizeof(*hpet) && hpet->address.space == ACPI_SPACE_MEMORY)
        acpi_info.hpet = hpet->address.address;
}

static void read_mcfg(const struct acpi_header *header)
{
    const uint8_t *base = (const uint8_t *)header;
    size_t offset = sizeof(struct acpi_mcfg_table);

    for (; offset <= header->length && header->length - offset >= sizeof(struct acpi_mcfg_entry);
         offset += sizeof(struct acpi_mcfg_entry)) {
        const struct acpi_mcfg_entry *entry = (const void *)(base + offset);
        if (acpi_info.mcfg_count == ACPI_MCFG_MAX)
            return;
        acpi_info.mcfg[acpi_info.mcfg_count++] = (struct acpi_mcfg){.address = entry->address,
                                                                    .segment = entry->segment,
                                                                    .bus_first = entry->bus_first,
                                                                    .bus_last = entry->bus_last};
    }
}

static const struct {
    char signature[5];
    void (*read)(const struct acpi_header *);
} table_readers[] = {
    {"APIC", read_madt},
    {"FACP", read_fadt},
    {"HPET", read_hpet},
    {"MCFG", read_mcfg},
};

static void read_table(uint64_t address)
{
    const struct acpi_header *header = map_table(address);

    if (!header)
        return;
    for (unsigned i = 0; i < sizeof(table_readers) / sizeof(table_readers[0]); i++)
        if (memcmp(header->signature, table_readers[i].signature, 4) == 0)
            table_readers[i].read(header);
}

/* RSDT (4-byte pointers) or XSDT (8-byte pointers). */
static bool read_root(uint64_t address, const char *signature, size_t pointer_size)
{
    const struct acpi_header *root = address ? map_table(address) : NULL;

    if (!root || memcmp(root->signature, signature, 4) != 0)
        return false;
    const uint8_t *pointers = (const uint8_t *)(root + 1);
    size_t count = (root->length - sizeof(*root)) / pointer_size;
    for (size_t i = 0; i < count; i++) {
        uint64_t table = 0;
        memcpy(&table, pointers + i * pointer_size, pointer_size);
        read_table(table);
    }
    return true;
}

static bool rsdp_ok(const struct acpi_rsdp *rsdp)
{
    return memcmp(rsdp->signature, "RSD PTR ", 8) == 0 && checksum_ok(rsdp, ACPI_RSDP1_SIZE);
}

static uint64_t search_rsdp(uint64_t start, uint64_t end)
{
    for (; start + sizeof(struct acpi_rsdp) <= end; start += 16) {
        const struct acpi_rsdp *candidate = map_firmware(start, sizeof(*candidate));
        if (candidate && rsdp_ok(candidate))
            return start;
    }
    return 0;
}

/* The loader's copy, or the one in the BIOS areas; false without any. */
static bool find_rsdp(struct acpi_rsdp *rsdp)
{
    if (boot_info.rsdp_copied) {
        memcpy(rsdp, boot_info.rsdp_copy, sizeof(*rsdp));
        if (rsdp_ok(rsdp))
            return true;
    }
    const uint8_t *segment = map_firmware(EBDA_SEGMENT, 2);
    uint64_t ebda = segment ? (uint64_t)(segment[0] | segment[1] << 8) << 4 : 0;
    if (ebda >= 0x400 && ebda < 0xa0000)
        acpi_info.rsdp = search_rsdp(ebda, ebda + 1024);
    if (!acpi_info.rsdp)
        acpi_info.rsdp = search_rsdp(BIOS_AREA, BIOS_AREA_END);
    if (!acpi_info.rsdp)
        return false;
    memcpy(rsdp, map_firmware(acpi_info.rsdp, sizeof(*rsdp)), sizeof(*rsdp));
    return true;
}

void acpi_start(void)
{
    struct acpi_rsdp rsdp;

    memset(&acpi_info, 0, sizeof(acpi_info));
    acpi_info.local_apic = LOCAL_APIC_DEFAULT;
    acpi_info.has_8259 = true;
    for (unsigned irq = 0; irq < ACPI_ISA_IRQS; irq++)
        acpi_info.isa_irqs[irq].gsi = irq;
    if (!find_rsdp(&rsdp))
        printk("ACPI: no root pointer, one processor\n");
    else if (!(rsdp.revision >= 2 && read_root(rsdp.xsdt, "XSDT", 8)) &&
             !read_root(rsdp.rsdt, "RSDT", 4))
        printk("ACPI: no valid root table, one processor\n");
    if (acpi_info.processors_ignored)
        printk("ACPI: %u processors beyond the first %u are not used\n",
               acpi_info.processors_ignored, PCPU_MAX);
}
