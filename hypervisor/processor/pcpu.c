/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/pcpu.h"

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/descriptor.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/vcpu.h"

/* Intel SDM volume 3, 3.4.5 and 6.14.1. */
#define DESCRIPTOR_CODE_HYPERVISOR 0x00af9b000000ffffUL
#define DESCRIPTOR_DATA_HYPERVISOR 0x00cf93000000ffffUL
#define DESCRIPTOR_CODE32_GUEST    0x00cffb000000ffffUL
#define DESCRIPTOR_DATA_GUEST      0x00cff3000000ffffUL
#define DESCRIPTOR_CODE64_GUEST    0x00affb000000ffffUL
#define TSS_TYPE                   0x89UL
#define GATE_INTERRUPT             0x8eUL
#define GATE_DPL3                  0x60UL
#define ENTRY_STUB_SIZE            8
#define VECTOR_COUNT               256

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

unsigned pcpu_count;
static struct pcpu *pcpu_table[PCPU_MAX];
static struct gate interrupt_table[VECTOR_COUNT] __attribute__((aligned(16)));

/* dispatcher/entry.S */
extern const char entry_stubs[], entry_stubs_end[];
extern const char entry_invalid_opcode[], entry_protection[], entry_page_fault[];
extern const char entry_debug[], entry_nmi[], entry_double_fault[], entry_machine_check[];
extern const char syscall_stub_page[], syscall_stub_compat[];

struct pcpu *pcpu_of(unsigned id)
{
    return id < pcpu_count ? pcpu_table[id] : NULL;
}

uint64_t pcpu_online_mask(void)
{
    uint64_t mask = 0;

    for (unsigned id = 0; id < pcpu_count; id++)
        if (pcpu_of(id)->online)
            mask |= 1UL << id;
    return mask;
}

static void gate_set(unsigned vector, const char *handler, uint8_t stack)
{
    uint64_t address = (uint64_t)handler;
    bool from_ring3 = vector == TRAP_BREAKPOINT || vector == TRAP_OVERFLOW;

    interrupt_table[vector] = (struct gate){
        .offset_low = (uint16_t)address,
        .selector = SELECTOR_HYPERVISOR_CS,
        .stack = stack,
        .type = GATE_INTERRUPT | (from_ring3 ? GATE_DPL3 : 0),
        .offset_middle = (uint16_t)(address >> 16),
        .offset_high = (uint32_t)(address >> 32),
    };
}

static void interrupt_table_fill(void)
{
    ASSERT(entry_stubs_end - entry_stubs == VECTOR_COUNT * ENTRY_STUB_SIZE);
    for (unsigned vector = 0; vector < VECTOR_COUNT; vector++)
        gate_set(vector, entry_stubs + vector * ENTRY_STUB_SIZE, IST_NONE);
    gate_set(TRAP_INVALID_OPCODE, entry_invalid_opcode, IST_NONE);
    gate_set(TRAP_PROTECTION, entry_protection, IST_NONE);
    gate_set(TRAP_PAGE_FAULT, entry_page_fault, IST_NONE);
    gate_set(TRAP_DEBUG, entry_debug, IST_DEBUG);
    gate_set(TRAP_NMI, entry_nmi, IST_NMI);
    gate_set(TRAP_DOUBLE_FAULT, entry_double_fault, IST_DOUBLE_FAULT);
    gate_set(TRAP_MACHINE_CHECK, entry_machine_check, IST_MACHINE_CHECK);
}

static void gdt_fill(struct pcpu *pcpu)
{
    uint64_t *gdt = pcpu->gdt_reserved_page;
    uint64_t base = (uint64_t)&pcpu->task_state, limit = sizeof(pcpu->task_state) - 1;
    const unsigned tss = (SELECTOR_TSS - FIRST_RESERVED_GDT_BYTE) / 8;

    gdt[(SELECTOR_HYPERVISOR_CS - FIRST_RESERVED_GDT_BYTE) / 8] = DESCRIPTOR_CODE_HYPERVISOR;
    gdt[(SELECTOR_HYPERVISOR_DS - FIRST_RESERVED_GDT_BYTE) / 8] = DESCRIPTOR_DATA_HYPERVISOR;
    gdt[(FLAT_RING3_CS32 - FIRST_RESERVED_GDT_BYTE) / 8] = DESCRIPTOR_CODE32_GUEST;
    gdt[(FLAT_RING3_SS64 - FIRST_RESERVED_GDT_BYTE) / 8] = DESCRIPTOR_DATA_GUEST;
    gdt[(FLAT_RING3_CS64 - FIRST_RESERVED_GDT_BYTE) / 8] = DESCRIPTOR_CODE64_GUEST;
    gdt[tss] = limit | (base & 0xffffff) << 16 | TSS_TYPE << 40 | (base >> 24 & 0xff) << 56;
    gdt[tss + 1] = base >> 32;
}

/* The stacks of NMI, #DF, #MC and #DB belong to the idle vcpu, as far as current_vcpu() goes. */
static int interrupt_stacks_create(struct pcpu *pcpu)
{
    for (unsigned i = IST_NONE + 1; i < IST_COUNT; i++) {
        struct stack_top *stack = map_stack_allocate(0);
        if (!stack)
            return -XEN_ENOMEM;
        stack->vcpu = pcpu->idle;
        stack->pcpu = pcpu;
        pcpu->task_state.ist[i - 1] = (uint64_t)&stack->regs.es;
    }
    return 0;
}

static int idle_create(struct pcpu *pcpu, struct stack_top *stack)
{
    struct vcpu *idle = frame_allocate_hypervisor(1);

    if (!idle || !stack)
        return -XEN_ENOMEM;
    idle->pcpu = pcpu;
    idle->stack = stack;
    idle->running = true;
    list_init(&idle->mutex_wait);
    stack->vcpu = idle;
    stack->pcpu = pcpu;
    pcpu->idle = pcpu->current = idle;
    return 0;
}

int pcpu_create(unsigned id, uint32_t apic_id, uint32_t acpi_id)
{
    if (id >= PCPU_MAX)
        return -XEN_EINVAL;
    struct pcpu *pcpu = map_pcpu_area(id);
    if (!pcpu)
        return -XEN_ENOMEM;
    pcpu->id = id;
    pcpu->apic_id = apic_id;
    pcpu->acpi_id = acpi_id;
    pcpu->hypercalls = &hypercall_table;
    pcpu->task_state.io_map_base = sizeof(struct task_state);
    pcpu->selectors = ~0UL; /* whatever start-up left there */
    /* The boot processor idles on the stack it started on. */
    int error = idle_create(pcpu, id == 0 ? stack_top() : map_stack_allocate(0));
    if (!error)
        error = interrupt_stacks_create(pcpu);
    if (error)
        return error;
    timer_pcpu_init(pcpu);
    scheduler_pcpu_init(pcpu);
    gdt_fill(pcpu);
    descriptor_window_init(pcpu);
    pcpu->syscall_stack = (uint64_t)&pcpu->idle->stack->regs.ss;
    pcpu->task_state.rsp[0] = (uint64_t)&pcpu->idle->stack->regs.es;
    if (id == 0)
        interrupt_table_fill();
    pcpu_table[id] = pcpu;
    pcpu_count = id + 1;
    return 0;
}

static void load_segment_registers(void)
{
    asm volatile("pushq %0\n"
                 "leaq 1f(%%rip), %%rax\n"
                 "pushq %%rax\n"
                 "lretq\n"
                 "1: mov %1, %%ss\n"
                 "xor %%eax, %%eax\n"
                 "mov %%eax, %%ds\n"
                 "mov %%eax, %%es\n"
                 :
                 : "i"(SELECTOR_HYPERVISOR_CS), "r"(SELECTOR_HYPERVISOR_DS)
                 : "rax", "memory");
}

/* MSR_LSTAR and MSR_CSTAR point into this processor's own mapping of the stub page. */
static void load_syscall_registers(const struct pcpu *pcpu)
{
    uint64_t stub = (uint64_t)pcpu - PAGE_SIZE;

    wrmsr(MSR_STAR, (uint64_t)FLAT_RING3_CS32 << 48 | (uint64_t)SELECTOR_HYPERVISOR_CS << 32);
    wrmsr(MSR_LSTAR, stub);
    wrmsr(MSR_CSTAR, stub + (uint64_t)(syscall_stub_compat - syscall_stub_page));
    wrmsr(MSR_SYSCALL_MASK, RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_DF | RFLAGS_IF | RFLAGS_TF |
                                RFLAGS_AC | RFLAGS_IOPL);
    wrmsr_safe(MSR_SYSENTER_CS, 0);
}

void pcpu_load(struct pcpu *pcpu)
{
    struct table_register gdt = {.limit = FIRST_RESERVED_GDT_BYTE + PAGE_SIZE - 1,
                                 .base =
                                     DESCRIPTOR_AREA_VIRT + (uint64_t)pcpu->id * DESCRIPTOR_STRIDE};
    struct table_register idt = {.limit = sizeof(interrupt_table) - 1,
                                 .base = (uint64_t)interrupt_table};

    asm volatile("lgdt %0" : : "m"(gdt));
    load_segment_registers();
    asm volatile("lidt %0" : : "m"(idt));
    asm volatile("ltr %w0" : : "r"(SELECTOR_TSS));
    asm volatile("lldt %w0" : : "r"(0));
    load_syscall_registers(pcpu);
    pcpu->cr3 = cr3_read();
}
