/* SPDX-License-Identifier: MIT */
/*
 * Layout of the static tables, ACPI specification 6.4 chapter 5.2; HPET 1.0a; MCFG of PCI Firmware
 * 3.0. Tables are not aligned in memory: the structures are packed.
 */
#pragma once

#include <stdint.h>

struct acpi_rsdp {
    char signature[8]; /* "RSD PTR " */
    uint8_t checksum;  /* of the first 20 bytes */
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length; /* from revision 2 on */
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));

#define ACPI_RSDP1_SIZE 20

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct acpi_madt {
    struct acpi_header header;
    uint32_t local_apic;
    uint32_t flags; /* bit 0: 8259 present */
} __attribute__((packed));

struct acpi_madt_entry {
    uint8_t type, length;
} __attribute__((packed));

enum acpi_madt_type {
    ACPI_MADT_LOCAL_APIC = 0,
    ACPI_MADT_IO_APIC = 1,
    ACPI_MADT_OVERRIDE = 2,
    ACPI_MADT_LOCAL_APIC_ADDRESS = 5,
    ACPI_MADT_X2APIC = 9,
};

#define ACPI_PROCESSOR_ENABLED 1U

struct acpi_madt_local_apic {
    struct acpi_madt_entry entry;
    uint8_t acpi_id, apic_id;
    uint32_t flags;
} __attribute__((packed));

struct acpi_madt_io_apic {
    struct acpi_madt_entry entry;
    uint8_t id, reserved;
    uint32_t address, gsi_base;
} __attribute__((packed));

struct acpi_madt_override {
    struct acpi_madt_entry entry;
    uint8_t bus, source;
    uint32_t gsi;
    uint16_t flags; /* bits 0-1 polarity, 2-3 trigger: 1 high/edge, 3 low/level */
} __attribute__((packed));

struct acpi_madt_address {
    struct acpi_madt_entry entry;
    uint16_t reserved;
    uint64_t address;
} __attribute__((packed));

struct acpi_madt_x2apic {
    struct acpi_madt_entry entry;
    uint16_t reserved;
    uint32_t apic_id, flags, acpi_id;
} __attribute__((packed));

struct acpi_address {
    uint8_t space, bit_width, bit_offset, access_size;
    uint64_t address;
} __attribute__((packed));

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1

struct acpi_fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t reserved0, profile;
    uint16_t sci_interrupt;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios, pstate_control;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
    uint32_t gpe0, gpe1;
    uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
    uint8_t gpe0_length, gpe1_length, gpe1_base, cst_control;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags; /* bit 8: PM timer has 32 bits; bit 10: reset register */
    /* Revision 2 and later. */
    struct acpi_address reset;
    uint8_t reset_value;
    uint8_t arm[2], minor;
    uint64_t x_facs, x_dsdt;
} __attribute__((packed));

#define ACPI_FADT_TIMER_32BIT (1U << 8)
#define ACPI_FADT_RESET       (1U << 10)

struct acpi_hpet {
    struct acpi_header header;
    uint32_t block_id;
    struct acpi_address address;
} __attribute__((packed));

struct acpi_mcfg_table {
    struct acpi_header header;
    uint64_t reserved;
} __attribute__((packed));

struct acpi_mcfg_entry {
    uint64_t address;
    uint16_t segment;
    uint8_t bus_first, bus_last;
    uint32_t reserved;
} __attribute__((packed));
