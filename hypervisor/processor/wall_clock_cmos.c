/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/acpi.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/wall_clock.h"
#include "lib/string.h"

#define CMOS_INDEX      0x70
#define CMOS_DATA       0x71
#define STATUS_A        0x0a
#define STATUS_B        0x0b
#define UPDATE_PROGRESS 0x80
#define TRIES           100

static uint8_t cmos_read(uint8_t index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

static void read_registers(uint8_t registers[7])
{
    static const uint8_t indices[6] = {0, 2, 4, 7, 8, 9};

    for (unsigned spins = 0; spins < 1000000 && (cmos_read(STATUS_A) & UPDATE_PROGRESS); spins++)
        cpu_relax();
    for (unsigned i = 0; i < 6; i++)
        registers[i] = cmos_read(indices[i]);
    registers[6] = acpi_info.century_register ? cmos_read(acpi_info.century_register) : 0;
}

uint64_t wall_clock_read(void)
{
    uint8_t registers[7], again[7];

    /* Twice the same, so that no digit changed in between. */
    for (unsigned i = 0; i < TRIES; i++) {
        read_registers(registers);
        read_registers(again);
        if (memcmp(registers, again, sizeof(registers)) == 0)
            break;
    }
    struct wall_clock_date date = wall_clock_decode(registers, cmos_read(STATUS_B));
    return wall_clock_valid(&date) ? wall_clock_epoch(&date) : 0;
}
