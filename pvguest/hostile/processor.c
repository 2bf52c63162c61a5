/* SPDX-License-Identifier: MIT */
/* Attacks with instructions, descriptors and return addresses. */
#include "lib/string.h"
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

#include <xen/sched.h>

#define LAST_USER_PAGE 0x00007ffffffff000UL
#define MSR_FS_BASE    0xc0000100
#define MSR_GS_BASE    0xc0000101
#define MSR_GS_KERNEL  0xc0000102
#define FLAG_NESTED    0x4000
#define VECTORS        256

struct code {
    uint8_t length;
    char bytes[8];
};

/* Put code at the very end of the lower half and go there. */
static void run_at_edge(void *argument)
{
    const struct code *code = argument;
    char *page = page_allocate(0);
    uint64_t entry;

    if (!page)
        return; /* which counts as not refused */
    memcpy(page + PAGE_SIZE - code->length, code->bytes, code->length);
    if (table_entry_address(LAST_USER_PAGE, true, &entry) ||
        table_map_own(LAST_USER_PAGE,
                      page_mfn(page) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_ACCESSED))
        return; /* the last page is not for guests: nothing to try */
    __asm__ __volatile__("movl %0, %%eax; jmp *%1" ::"i"(__HYPERVISOR_xen_version),
                         "r"(LAST_USER_PAGE + PAGE_SIZE - code->length), "D"(0UL), "S"(0UL),
                         "c"(MSR_FS_BASE)
                         : "eax", "rbx", "rdx", "r11");
}

/* The return address of this system call is not canonical; nor is where these, emulated, end. */
static bool syscall_noncanonical(void)
{
    static struct code codes[] = {
        {2, "\x0f\x05"},            /* syscall */
        {2, "\x0f\x32"},            /* rdmsr */
        {7, "\x0f\x0bxen\x0f\xa2"}, /* forced cpuid */
        {3, "\x0f\x20\xc0"},        /* mov from cr0 */
        {2, "\xcd\x80"},            /* int 80 */
    };
    bool held = true;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        held &= fault_catch(run_at_edge, &codes[i], NULL);
    return held;
}

static void wrmsr(uint32_t number, uint64_t value)
{
    __asm__ __volatile__("wrmsr" ::"c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

struct msr {
    uint32_t number;
    uint64_t value;
};

static void msr_write(void *argument)
{
    struct msr *msr = argument;

    wrmsr(msr->number, msr->value);
}

static void msr_read(void *argument)
{
    struct msr *msr = argument;
    uint32_t low, high;

    __asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(msr->number));
}

static bool bases_noncanonical(void)
{
    static const uint64_t values[] = {NONCANONICAL_ADDRESS, 0xffff7fffffffffffUL, 1UL << 63,
                                      0x8000000000001000UL};
    static const uint32_t numbers[] = {MSR_FS_BASE, MSR_GS_BASE, MSR_GS_KERNEL};
    bool held = true;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        for (unsigned int which = 0; which < 3; which++) {
            struct msr msr = {numbers[which], values[i]};

            held &= fault_catch(msr_write, &msr, NULL);
            held &= hypercall_set_segment_base(which, values[i]) < 0;
        }
    return held;
}

/* Every MSR in the usual ranges: read it, and write all ones. */
static bool every_msr(void)
{
    static const uint32_t ranges[] = {0, 0x40000000, 0xc0000000, 0xc0010000};

    for (size_t range = 0; range < sizeof(ranges) / sizeof(ranges[0]); range++)
        for (uint32_t number = 0; number < 0x1200; number++) {
            struct msr msr = {ranges[range] + number, ~0UL};

            fault_catch(msr_read, &msr, NULL);
            if (msr.number != MSR_FS_BASE && msr.number != MSR_GS_BASE)
                fault_catch(msr_write, &msr, NULL);
        }
    return true;
}

/* iret inside a batch: the stack it takes its frame from is none. */
static bool iret_in_multicall(void)
{
    struct multicall_entry calls[2] = {{.op = __HYPERVISOR_iret}, {.op = __HYPERVISOR_iret}};

    hypercall_multicall(calls, 2);
    return true;
}

/* A data breakpoint on the operand of `mov ss`, directly before a system call. */
static void mov_ss_syscall(void *argument)
{
    __asm__ __volatile__("movl %0, %%eax; movw (%1), %%ss; syscall" ::"i"(__HYPERVISOR_xen_version),
                         "r"(argument), "D"(0UL), "S"(0UL)
                         : "rax", "rcx", "r11", "memory");
}

static bool mov_ss(void)
{
    static uint16_t selector = FLAT_KERNEL_SS;

    hypercall_set_debugreg(0, (unsigned long)&selector);
    hypercall_set_debugreg(7, 1 | 3UL << 16 | 1UL << 18);
    fault_catch(mov_ss_syscall, &selector, NULL);
    hypercall_set_debugreg(7, 0);
    hypercall_set_debugreg(6, 0);
    return true;
}

static void sysenter_nested(void *argument)
{
    (void)argument;
    __asm__ __volatile__("pushfq; orl %0, (%%rsp); popfq; sysenter" ::"i"(FLAG_NESTED) : "cc");
}

static bool sysenter_with_nested_task(void)
{
    fault_catch(sysenter_nested, NULL, NULL);
    return true;
}

struct far_pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));

static void far_call(void *argument)
{
    __asm__ __volatile__("lcall *(%0)" ::"r"(argument) : "memory");
}

/* Far calls through every selector of a table of descriptors that is not there. */
static bool far_calls(void)
{
    struct mmuext_op none = {.cmd = MMUEXT_SET_LDT};
    bool held = true;

    hypercall_mmuext_op(&none, 1, NULL, DOMID_SELF);
    for (uint32_t selector = 7; selector < 0x10000; selector += 8 * 61) {
        struct far_pointer pointer = {0, (uint16_t)(selector | 4)};

        held &= fault_catch(far_call, &pointer, NULL);
    }
    return held;
}

/* `int n` is built here, because the vector is in the instruction. */
static void interrupt(void *argument)
{
    unsigned char *code = argument;

    ((void (*)(void))code)();
}

static bool every_interrupt(void)
{
    unsigned char *page = page_allocate(0);
    uint64_t entry = page_mfn(page) << PAGE_SHIFT;
    bool held = true;

    for (unsigned int vector = 0; vector < VECTORS; vector++) {
        page[0] = 0xcd;
        page[1] = (unsigned char)vector;
        page[2] = 0xc3;
        if (table_map_own((uint64_t)page, entry | PTE_PRESENT | PTE_ACCESSED))
            return false;
        held &= fault_catch(interrupt, page, NULL);
        if (table_unprotect(page))
            return false;
    }
    return held;
}

static bool debug_registers(void)
{
    bool held = true;

    for (int number = 0; number < 4; number++) {
        held &= hypercall_set_debugreg(number, HYPERVISOR_ADDRESS) < 0;
        held &= hypercall_set_debugreg(number, HYPERVISOR_VIRT_START) < 0;
        held &= hypercall_set_debugreg(number, HYPERVISOR_VIRT_END - 1) < 0;
    }
    hypercall_set_debugreg(7, ~0UL);
    hypercall_set_debugreg(6, ~0UL);
    hypercall_set_debugreg(7, 0);
    hypercall_set_debugreg(6, 0);
    return held;
}

/* Exceptions have nowhere to go: the stack is the hypervisor's. */
static bool stack_in_hypervisor(void)
{
    __asm__ __volatile__("movq %0, %%rsp; ud2" ::"r"(HYPERVISOR_ADDRESS));
    return false;
}

/* The iret frame lies in the hypervisor, and the one after it would return there. */
static bool iret_from_hypervisor(void)
{
    __asm__ __volatile__("movq %0, %%rsp; movl %1, %%eax; syscall" ::"r"(HYPERVISOR_ADDRESS),
                         "i"(__HYPERVISOR_iret));
    return false;
}

static void iret_with_selectors(void *argument)
{
    uint16_t *selectors = argument;

    __asm__ __volatile__("movq %%rsp, %%rax\n"
                         "pushq %0\n"
                         "pushq %%rax\n"
                         "pushq $0x3202\n"
                         "pushq %1\n"
                         "pushq %2\n"
                         "pushq $0\n"
                         "jmp hypercall_page + 32 * %c3" ::"r"((uint64_t)selectors[0]),
                         "r"((uint64_t)selectors[1]), "r"(HYPERVISOR_ADDRESS),
                         "i"(__HYPERVISOR_iret)
                         : "rax", "memory");
}

/* A return to ring 0, by name: the selectors are the hypervisor's, so is the address. */
static bool iret_to_ring_0(void)
{
    uint16_t selectors[2] = {0xe010, 0xe008};

    fault_catch(iret_with_selectors, selectors, NULL);
    return true;
}

const struct attack processor_attacks[] = {
    {"syscall-noncanonical", REFUSED, syscall_noncanonical},
    {"bases-noncanonical", REFUSED, bases_noncanonical},
    {"every-msr", REFUSED, every_msr},
    {"iret-in-multicall", HARMLESS, iret_in_multicall},
    {"mov-ss", REFUSED, mov_ss},
    {"sysenter-nested", HARMLESS, sysenter_with_nested_task},
    {"far-calls", REFUSED, far_calls},
    {"every-interrupt", REFUSED, every_interrupt},
    {"debug-registers", REFUSED, debug_registers},
    {"stack-in-hypervisor", ENDED, stack_in_hypervisor},
    {"iret-from-hypervisor", ENDED, iret_from_hypervisor},
    {"iret-to-ring-0", REFUSED, iret_to_ring_0},
    {NULL, REFUSED, NULL},
};
