/* SPDX-License-Identifier: MIT */
/*
 * The order of start-up, and nothing else.
 */
#include "hypervisor/main.h"

#include "boot/boot_info.h"
#include "hypervisor/domain/build.h"
#include "hypervisor/domain/version.h"
#include "hypervisor/io/acpi.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/io_apic.h"
#include "hypervisor/io/irq.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/io/power.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/machphys.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/smp.h"

/* First of all lines: who waits for a machine that says no more sees that it came so far. */
static void print_name(void)
{
    printk("Bonsai " BONSAI_VERSION " (Xen ABI %u.%u)\n", BONSAI_ABI_MAJOR, BONSAI_ABI_MINOR);
}

static void print_machine(void)
{
    printk("%u CPUs, %lu MiB of memory, %u modules\n", pcpu_count, frame_total_count() >> 8,
           boot_info.module_count);
}

void hypervisor_main(uint32_t magic, uint32_t info)
{
    cpu_detect();
    cpu_setup_control_registers();
    int error = boot_info_parse(magic, info);
    console_start(boot_info.command_line);
    print_name();
    if (error)
        machine_halt();
    map_start();
    acpi_start();
    local_apic_start();
    local_apic_enable();
    io_apic_start();
    /* Both clocks are measured in the same stretch of time. */
    local_apic_timer_measure();
    clock_start();
    local_apic_timer_measured();
    scheduler_choose(boot_info.command_line);
    if (pcpu_create(0, local_apic_id(), 0))
        panic("no memory for the first processor");
    pcpu_load(pcpu_of(0));
    smp_start();
    machphys_start();
    console_interrupt_start();
    print_machine();
    if (build_first_domain()) {
        printk("stopped: there is no first domain\n");
        machine_halt();
    }
    idle_loop();
}
