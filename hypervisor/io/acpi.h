/* SPDX-License-Identifier: MIT */
/*
 * The static ACPI tables: which processors, interrupt controllers and timers the machine has. Read
 * once at start-up, every length bounded and every checksum verified; a table that is wrong is as
 * good as absent. Read-only afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/layout.h"

#define ACPI_IO_APIC_MAX 16
#define ACPI_ISA_IRQS    16
#define ACPI_MCFG_MAX    8

struct acpi_processor {
    uint32_t apic_id, acpi_id;
};

struct acpi_io_apic {
    uint64_t address;
    uint32_t gsi_base;
    uint8_t id;
};

/* How an ISA interrupt is wired; without an override: the same number, edge, active high. */
struct acpi_isa_irq {
    uint32_t gsi;
    bool level_triggered, active_low;
};

struct acpi_mcfg {
    uint64_t address;
    uint16_t segment;
    uint8_t bus_first, bus_last;
};

struct acpi_info {
    uint64_t rsdp; /* physical, 0 when only the loader's copy is known */
    uint64_t local_apic;
    bool has_8259;
    unsigned processor_count, processors_ignored;
    struct acpi_processor processors[PCPU_MAX];
    unsigned io_apic_count;
    struct acpi_io_apic io_apics[ACPI_IO_APIC_MAX];
    struct acpi_isa_irq isa_irqs[ACPI_ISA_IRQS];
    unsigned mcfg_count;
    struct acpi_mcfg mcfg[ACPI_MCFG_MAX];

    uint64_t hpet; /* 0 = none */
    uint16_t pm_timer_port;
    bool pm_timer_32bit;

    uint16_t pm1a_control, pm1b_control, smi_command;
    uint8_t acpi_enable;
    bool soft_off_known;
    uint8_t soft_off_type[2];
    uint16_t reset_port; /* 0 = no reset register in I/O space */
    uint8_t reset_value;
    uint8_t century_register; /* of the CMOS clock, 0 = none */
};

extern struct acpi_info acpi_info;

/* Fill acpi_info from the tables boot_info leads to; without any: one processor, defaults. */
void acpi_start(void);
