/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/power.h"

#include "hypervisor/io/acpi.h"
#include "hypervisor/io/console.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/smp.h"

#define SLEEP_ENABLE     (1U << 13)
#define SLEEP_TYPE_SHIFT 10
#define SLEEP_TYPE_MASK  (7U << SLEEP_TYPE_SHIFT)
#define CONTROL_SCI      1U
#define RESET_CONTROL    0xcf9
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET   0xfe
#define SPINS            100000U

void machine_halt(void)
{
    interrupts_disable();
    console_flush();
    cpu_halt();
}

static void wait_a_while(void)
{
    for (unsigned i = 0; i < SPINS; i++)
        cpu_relax();
}

static void enter_soft_off(uint16_t port, uint8_t type)
{
    if (!port)
        return;
    unsigned control = inw(port) & ~(SLEEP_TYPE_MASK | SLEEP_ENABLE);
    control |= (unsigned)(type & 7) << SLEEP_TYPE_SHIFT;
    outw(port, (uint16_t)control);
    outw(port, (uint16_t)(control | SLEEP_ENABLE));
}

/* Firmware that starts in legacy mode wants to be told that an operating system is there. */
static void enable_acpi_mode(void)
{
    if (!acpi_info.smi_command || !acpi_info.acpi_enable ||
        (inw(acpi_info.pm1a_control) & CONTROL_SCI))
        return;
    outb(acpi_info.smi_command, acpi_info.acpi_enable);
    wait_a_while();
}

void machine_power_off(void)
{
    interrupts_disable();
    console_take();
    smp_stop_others();
    console_flush();
    if (acpi_info.soft_off_known && acpi_info.pm1a_control) {
        enable_acpi_mode();
        enter_soft_off(acpi_info.pm1a_control, acpi_info.soft_off_type[0]);
        enter_soft_off(acpi_info.pm1b_control, acpi_info.soft_off_type[1]);
    }
    machine_halt();
}

void machine_reboot(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_table = {0, 0};

    interrupts_disable();
    console_take();
    smp_stop_others();
    console_flush();
    if (acpi_info.reset_port) {
        outb(acpi_info.reset_port, acpi_info.reset_value);
        wait_a_while();
    }
    outb(RESET_CONTROL, 0x02);
    outb(RESET_CONTROL, 0x06);
    wait_a_while();
    outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
    wait_a_while();
    /* Last: an exception without a table to handle it. */
    asm volatile("lidt %0; ud2" : : "m"(no_table));
    machine_halt();
}
