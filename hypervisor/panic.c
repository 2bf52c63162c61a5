/* SPDX-License-Identifier: MIT */
#include "hypervisor/panic.h"

#include <stdarg.h>
#include <stdbool.h>

#include "boot/boot_info.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/power.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/smp.h"
#include "lib/text.h"

static bool panicking;

void panic(const char *format, ...)
{
    va_list arguments;
    char value[8];

    interrupts_disable();
    /* A second processor, or a panic inside panic(), stops quietly. */
    if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST))
        cpu_halt();
    console_force_unlock();
    printk("PANIC: ");
    va_start(arguments, format);
    printk_va(format, arguments);
    va_end(arguments);
    printk("\n");
    smp_stop_others();
    if (text_option(boot_info.command_line, "noreboot", value, sizeof(value))) {
        printk("halted; reset the machine\n");
        machine_halt();
    }
    machine_reboot();
}
