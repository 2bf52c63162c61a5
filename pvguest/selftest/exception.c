/* SPDX-License-Identifier: MIT */
/* set_trap_table and every exception a guest can cause on purpose. */
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/vcpu.h"
#include "pvguest/selftest/check.h"

#include <xen/callback.h>
#include <xen/errno.h>

#define VECTOR_UNBOUND 0xa0
#define VECTOR_BOUND   0x41

#define ERROR_PRESENT 1
#define ERROR_WRITE   2
#define ERROR_USER    4
#define ERROR_IDT     2

#define CODE_SEGMENT  0x00affb000000ffffUL /* of 64-bit code, ring 3 */
#define CODE_SELECTOR (2 * 8 | 3)

extern char trap_invalid_opcode[];
extern char trap_software[]; /* the kernel's entry of vector 0x80 */

static void divide(void *argument)
{
    (void)argument;
    __asm__ __volatile__("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx" ::
                             : "eax", "ecx", "edx");
}

static void breakpoint(void *argument)
{
    (void)argument;
    __asm__ __volatile__("int3");
}

static void undefined(void *argument)
{
    (void)argument;
    __asm__ __volatile__("ud2");
}

static void privileged(void *argument)
{
    (void)argument;
    __asm__ __volatile__("lgdt 0");
}

static void read_memory(void *argument)
{
    (void)*(volatile char *)argument;
}

static void write_memory(void *argument)
{
    *(volatile char *)argument = 1;
}

static void execute_memory(void *argument)
{
    ((void (*)(void))argument)();
}

static void software_interrupt(void *argument)
{
    (void)argument;
    __asm__ __volatile__("int $0x80");
}

static void unbound_interrupt(void *argument)
{
    (void)argument;
    __asm__ __volatile__("int %0" ::"i"(VECTOR_UNBOUND));
}

static void bound_interrupt(void *argument)
{
    (void)argument;
    __asm__ __volatile__("int %0" ::"i"(VECTOR_BOUND));
}

static void divide_error(void)
{
    struct fault fault;

    EXPECT(fault_catch(divide, NULL, &fault));
    EXPECT_VALUE(0, fault.vector);
}

/* A breakpoint is a trap: the saved address is behind the instruction. */
static void breakpoint_trap(void)
{
    struct fault fault;

    EXPECT(fault_catch(breakpoint, NULL, &fault));
    EXPECT_VALUE(3, fault.vector);
    EXPECT_VALUE(0xcc, *(unsigned char *)(fault.rip - 1));
}

static void undefined_opcode(void)
{
    struct fault fault;

    EXPECT(fault_catch(undefined, NULL, &fault));
    EXPECT_VALUE(6, fault.vector);
    EXPECT_VALUE(0x0f, *(unsigned char *)fault.rip);
}

static void general_protection(void)
{
    struct fault fault;

    EXPECT(fault_catch(privileged, NULL, &fault));
    EXPECT_VALUE(13, fault.vector);
    EXPECT(fault_catch(read_memory, (void *)NONCANONICAL_ADDRESS, &fault));
    EXPECT_VALUE(13, fault.vector);
    EXPECT_VALUE(0, fault.error_code);
}

static void page_fault_read(void)
{
    struct fault fault;

    EXPECT(fault_catch(read_memory, (void *)(UNMAPPED_ADDRESS + 0x123), &fault));
    EXPECT_VALUE(14, fault.vector);
    EXPECT_VALUE(UNMAPPED_ADDRESS + 0x123, fault.address);
    EXPECT_VALUE(0, fault.error_code & (ERROR_PRESENT | ERROR_WRITE | ERROR_USER));
}

static void page_fault_write(void)
{
    struct fault fault;

    EXPECT(fault_catch(write_memory, (void *)(UNMAPPED_ADDRESS + 8), &fault));
    EXPECT_VALUE(14, fault.vector);
    EXPECT_VALUE(ERROR_WRITE, fault.error_code & (ERROR_PRESENT | ERROR_WRITE | ERROR_USER));
}

static void page_fault_protection(void)
{
    char *page = page_allocate(0);
    struct fault fault;

    EXPECT(page);
    EXPECT_VALUE(0, table_protect(page));
    EXPECT(fault_catch(write_memory, page + 5, &fault));
    EXPECT_VALUE(14, fault.vector);
    EXPECT_VALUE((uint64_t)page + 5, fault.address);
    EXPECT_VALUE(ERROR_PRESENT | ERROR_WRITE,
                 fault.error_code & (ERROR_PRESENT | ERROR_WRITE | ERROR_USER));
    EXPECT_VALUE(0, table_unprotect(page));
    page_free(page, 0);
}

static void page_fault_hypervisor(void)
{
    struct fault fault;

    EXPECT(fault_catch(read_memory, (void *)HYPERVISOR_ADDRESS, &fault));
    EXPECT_VALUE(14, fault.vector);
    EXPECT_VALUE(HYPERVISOR_ADDRESS, fault.address);
    EXPECT(fault_catch(write_memory, (void *)HYPERVISOR_VIRT_START, &fault));
    EXPECT_VALUE(14, fault.vector);
}

static void no_execute(void)
{
    char *page = page_allocate(0);
    struct fault fault;

    EXPECT(page);
    *page = (char)0xc3;
    EXPECT(fault_catch(execute_memory, page, &fault));
    EXPECT_VALUE(14, fault.vector);
    EXPECT_VALUE((uint64_t)page, fault.rip);
    page_free(page, 0);
}

static void interrupt_instruction(void)
{
    struct fault fault;

    EXPECT(fault_catch(software_interrupt, NULL, &fault));
    EXPECT_VALUE(0x80, fault.vector);
}

/* An emulated processor may give n * 16 + 2 where the manual says n * 8 + 2. */
static void interrupt_without_handler(void)
{
    struct fault fault;

    EXPECT(fault_catch(unbound_interrupt, NULL, &fault));
    EXPECT_VALUE(13, fault.vector);
    EXPECT_EITHER(VECTOR_UNBOUND * 8 + ERROR_IDT, VECTOR_UNBOUND * 16 + ERROR_IDT,
                  fault.error_code);
    EXPECT_VALUE(0xcd, *(unsigned char *)fault.rip);
}

/* The second vector is the one that such a processor leads a hypervisor to. */
static void trap_table_adds(void)
{
    struct trap_info table[] = {
        {VECTOR_BOUND, 3 | 4, FLAT_KERNEL_CS, (unsigned long)trap_software},
        {VECTOR_BOUND * 2, 3 | 4, FLAT_KERNEL_CS, (unsigned long)trap_software},
        {0},
    };
    struct fault fault;

    EXPECT_VALUE(0, hypercall_set_trap_table(table));
    EXPECT(fault_catch(bound_interrupt, NULL, &fault));
    EXPECT_VALUE(0x80, fault.vector);
    EXPECT(fault_catch(undefined, NULL, &fault));
    EXPECT_VALUE(6, fault.vector);
}

/* An exception in a code segment of the guest's own, with an event that has been waiting for it. */
static void exception_with_event(void *argument)
{
    struct vcpu_info *info = argument;

    __asm__ __volatile__("movq %%rsp, %%rax\n"
                         "pushq %[ss]\n"
                         "pushq %%rax\n"
                         "pushfq\n"
                         "pushq %[cs]\n"
                         "leaq 1f(%%rip), %%rax\n"
                         "pushq %%rax\n"
                         "iretq\n"
                         "1: movb $0, %[mask]\n"
                         "movb $1, %[pending]\n"
                         "ud2" ::[ss] "i"(FLAT_KERNEL_SS),
                         [cs] "i"(CODE_SELECTOR), [mask] "m"(info->evtchn_upcall_mask),
                         [pending] "m"(info->evtchn_upcall_pending)
                         : "rax", "memory");
}

/* The event interrupts the exception's handler, which runs in the kernel's code segment. */
static void event_in_handler(void)
{
    struct trap_info open[] = {{6, 0, FLAT_KERNEL_CS, (unsigned long)trap_invalid_opcode}, {0}};
    struct callback_register callback = {.type = CALLBACKTYPE_event,
                                         .address = (unsigned long)trap_software};
    uint64_t *table = page_allocate(0);
    xen_pfn_t frame = page_mfn(table);
    struct fault fault;

    EXPECT(table);
    table[CODE_SELECTOR / 8] = CODE_SEGMENT;
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, hypercall_set_gdt(&frame, 512));
    EXPECT_VALUE(0, hypercall_set_trap_table(open));
    vcpu_current_info()->evtchn_upcall_mask = 1;
    EXPECT_VALUE(0, hypercall_callback_op(CALLBACKOP_register, &callback));
    bool faulted = fault_catch(exception_with_event, vcpu_current_info(), &fault);
    fault_start();
    vcpu_current_info()->evtchn_upcall_mask = 0;
    EXPECT(faulted);
    EXPECT_VALUE(0x80, fault.vector);
    EXPECT_VALUE((uint64_t)trap_invalid_opcode, fault.rip);
    EXPECT_VALUE(FLAT_KERNEL_CS & ~3, fault.registers.cs & 0xffff);
    EXPECT_VALUE(FLAT_KERNEL_SS, fault.registers.ss);
    EXPECT_VALUE(0, hypercall_set_gdt(NULL, 0));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

static void trap_table_refusals(void)
{
    EXPECT_VALUE(-XEN_EFAULT, hypercall_set_trap_table((void *)UNMAPPED_ADDRESS));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_set_trap_table((void *)HYPERVISOR_ADDRESS));
}

const struct check exception_checks[] = {
    {"exception: divide error", divide_error},
    {"exception: breakpoint", breakpoint_trap},
    {"exception: undefined opcode", undefined_opcode},
    {"exception: general protection", general_protection},
    {"exception: page fault on read", page_fault_read},
    {"exception: page fault on write", page_fault_write},
    {"exception: page fault on a read-only page", page_fault_protection},
    {"exception: page fault on the hypervisor", page_fault_hypervisor},
    {"exception: no-execute", no_execute},
    {"exception: int 0x80", interrupt_instruction},
    {"exception: int without handler", interrupt_without_handler},
    {"set_trap_table: adds a vector", trap_table_adds},
    {"exception: an event in its handler", event_in_handler},
    {"set_trap_table: bad pointers", trap_table_refusals},
    {NULL, NULL},
};
