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

static void print_banner(void)
{
    printk("Bonsai " BONSAI_VERSION " (Xen ABI %u.%u), %u CPUs, %lu MiB of memory, %u modules\n",
           BONSAI_ABI_MAJOR, BONSAI_ABI_MINOR, pcpu_count, frame_total_count() >> 8,
           boot_info.module_count);
}

void hypervisor_main(uint32_t magic, uint32_t info)
{
    cpu_detect();
    cpu_setup_control_registers();
    int error = boot_info_parse(magic, info);
    console_start(boot_info.command_line);
    if (error)
        machine_halt();
    map_start();
    acpi_start();
    local_apic_start();
    io_apic_start();
    clock_start();
    if (pcpu_create(0, local_apic_id(), 0))
        panic("no memory for the first processor");
    pcpu_load(pcpu_of(0));
    smp_start();
    machphys_start();
    console_interrupt_start();
    print_banner();
    if (build_first_domain()) {
        printk("stopped: there is no first domain\n");
        machine_halt();
    }
    idle_loop();
}
