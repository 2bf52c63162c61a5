/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/smp.h"

#include <stdbool.h>

#include "boot/trampoline.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/io/acpi.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/smp_start.h"
#include "hypervisor/processor/tlb.h"
#include "hypervisor/processor/vcpu.h"
#include "lib/string.h"

#define INIT_DELAY_US    10000
#define STARTUP_DELAY_US 200
#define POLL_US          100
#define POLLS            10000 /* one second for a processor to come up */
#define TSC_ROUNDS       200
#define STOP_SPINS       10000000U /* a fraction of a second for all to stop */

static bool apic_started;
static struct pcpu *stopper; /* stops all others */

/*
 * Are two TSCs the same clock? The new processor writes its TSC, the boot processor looks whether
 * what it reads afterwards is later; then the other way round. Sequence numbers order the turns.
 */
static struct {
    volatile uint32_t turn;
    volatile uint64_t stamp;
    volatile uint64_t warp; /* how far one was seen behind the other, ticks */
} tsc_check;

static void tsc_check_side(uint32_t parity)
{
    for (uint32_t round = 0; round < TSC_ROUNDS; round++) {
        if (round % 2 != parity)
            continue;
        while (__atomic_load_n(&tsc_check.turn, __ATOMIC_ACQUIRE) != round)
            cpu_relax();
        uint64_t now = rdtsc();
        if (now < tsc_check.stamp && tsc_check.stamp - now > tsc_check.warp)
            tsc_check.warp = tsc_check.stamp - now;
        tsc_check.stamp = rdtsc();
        __atomic_store_n(&tsc_check.turn, round + 1, __ATOMIC_RELEASE);
    }
}

static void tsc_check_result(const struct pcpu *pcpu)
{
    if (tsc_check.warp)
        printk("CPU %u: its TSC is %lu ticks apart, time will jump by that much\n", pcpu->id,
               tsc_check.warp);
}

static void *trampoline_prepare(uint64_t page)
{
    char *copy = mfn_to_virtual(mfn(page >> PAGE_SHIFT));
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) gdt = {
        .limit = (uint16_t)(start_gdt_end - (const char *)start_gdt - 1),
        .base = (uint32_t)((uint64_t)start_gdt - IMAGE_VIRT),
    };
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) far = {
        .offset = (uint32_t)(page + (uint64_t)(trampoline_32 - trampoline_start)),
        .selector = 8,
    };
    uint32_t start_table = (uint32_t)((uint64_t)start_level4 - IMAGE_VIRT);
    uint64_t table = mfn_to_physical(hypervisor_table);

    memcpy(copy, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    memcpy(copy + TRAMPOLINE_GDT_POINTER, &gdt, sizeof(gdt));
    memcpy(copy + TRAMPOLINE_FAR_POINTER, &far, sizeof(far));
    memcpy(copy + TRAMPOLINE_START_TABLE, &start_table, sizeof(start_table));
    memcpy(copy + TRAMPOLINE_TABLE, &table, sizeof(table));
    return copy;
}

/* First C code of a started processor, on its idle vcpu's stack. */
void smp_processor_main(void)
{
    struct pcpu *pcpu = this_pcpu();

    cpu_setup_control_registers();
    pcpu_load(pcpu);
    local_apic_enable();
    tlb_flush_local();
    __atomic_store_n(&pcpu->online, true, __ATOMIC_RELEASE);
    tsc_check_side(1);
    idle_loop();
}

static bool wait_online(const struct pcpu *pcpu)
{
    for (unsigned i = 0; i < POLLS; i++) {
        if (__atomic_load_n(&pcpu->online, __ATOMIC_ACQUIRE))
            return true;
        clock_delay_us(POLL_US);
    }
    return false;
}

/* All others wait for their start-up message afterwards: one delay serves them all. */
static void reset_others(void)
{
    for (unsigned i = 0; i < acpi_info.processor_count; i++)
        if (acpi_info.processors[i].apic_id != this_pcpu()->apic_id)
            local_apic_send_init(acpi_info.processors[i].apic_id);
    clock_delay_us(INIT_DELAY_US);
}

static void start_processor(const struct acpi_processor *processor, char *trampoline, uint64_t page)
{
    unsigned id = pcpu_count;

    if (pcpu_create(id, processor->apic_id, processor->acpi_id)) {
        printk("no memory for the processor with APIC id %u\n", processor->apic_id);
        return;
    }
    struct pcpu *pcpu = pcpu_of(id);
    uint64_t stack = (uint64_t)pcpu->idle->stack & ~15UL;
    memcpy(trampoline + TRAMPOLINE_STACK, &stack, sizeof(stack));
    tsc_check.turn = 0;
    tsc_check.stamp = tsc_check.warp = 0;
    for (unsigned attempt = 0; attempt < 2 && !pcpu->online; attempt++) {
        local_apic_send_startup(processor->apic_id, (uint8_t)(page >> PAGE_SHIFT));
        clock_delay_us(STARTUP_DELAY_US);
    }
    if (!wait_online(pcpu)) {
        /* It must never wake up later with a stack that somebody else has got. */
        local_apic_send_init(processor->apic_id);
        printk("CPU %u (APIC id %u) does not start\n", id, processor->apic_id);
        return;
    }
    tsc_check_side(0);
    while (tsc_check.turn != TSC_ROUNDS)
        cpu_relax();
    tsc_check_result(pcpu);
}

void smp_start(void)
{
    struct pcpu *self = this_pcpu();
    uint64_t page = boot_memory_low_page();

    apic_started = true;
    self->online = true;
    if (acpi_info.processor_count < 2)
        return;
    if (page == BOOT_MEMORY_NONE) {
        printk("no memory below 640 KiB to start other processors with\n");
        return;
    }
    char *trampoline = trampoline_prepare(page);
    reset_others();
    for (unsigned i = 0; i < acpi_info.processor_count; i++) {
        const struct acpi_processor *processor = &acpi_info.processors[i];
        if (processor->apic_id == self->apic_id)
            self->acpi_id = processor->acpi_id;
        else
            start_processor(processor, trampoline, page);
    }
}

void smp_send(const struct pcpu *pcpu, uint8_t vector)
{
    if (pcpu->online)
        local_apic_send(pcpu->apic_id, vector);
}

void smp_interrupt(unsigned vector)
{
    switch (vector) {
    case VECTOR_RESCHEDULE: /* the way out looks at pcpu->reschedule */
        break;
    case VECTOR_TLB:
        tlb_answer();
        break;
    case VECTOR_CONSOLE:
        console_interrupt();
        break;
    }
}

void smp_nmi(void)
{
    const struct pcpu *last = __atomic_load_n(&stopper, __ATOMIC_SEQ_CST);
    struct pcpu *self = this_pcpu();

    if (!last || last == self)
        return;
    __atomic_store_n(&self->online, false, __ATOMIC_SEQ_CST);
    cpu_halt();
}

/* What one of them was printing is then as complete as it will ever be. */
void smp_stop_others(void)
{
    struct pcpu *self = this_pcpu(), *last = NULL;

    if (!__atomic_compare_exchange_n(&stopper, &last, self, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST) &&
        last != self)
        cpu_halt();
    if (!apic_started)
        return;
    local_apic_send_nmi_others();
    for (unsigned id = 0, spins = 0; id < pcpu_count; id++)
        while (pcpu_of(id) != self && READ_ONCE(pcpu_of(id)->online) && spins++ < STOP_SPINS)
            cpu_relax();
}
