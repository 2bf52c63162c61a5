/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/fault.h"

#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"

#include <stddef.h>
#include <xen/errno.h>

#define VECTOR_PAGE_FAULT 14
#define VECTOR_FAILSAFE   257

#define FLAG_TRAP      (1UL << 8)
#define FLAG_INTERRUPT (1UL << 9)
#define FLAG_DIRECTION (1UL << 10)
#define FLAG_ALIGNMENT (1UL << 18)

#define TRAP_MASKS_EVENTS 4

/* Registers that survive a call, in the order of fault_call(); one per fault_catch() under way. */
struct catch
{
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp;
    uint64_t events_masked;
    struct catch *outer;
    struct fault *what;
};

_Static_assert(offsetof(struct catch, rsp) == 48, "fault_call stores by offset");
_Static_assert(offsetof(struct trap_frame, vector) == 13 * 8, "entry.S pushes in this order");

void fault_dispatch(struct trap_frame *frame);
int fault_call(struct catch *catch, void (*f)(void *), void *argument);
extern char fault_resume[];

#define ENTRY(name) extern char name[]
ENTRY(trap_divide_error);
ENTRY(trap_debug);
ENTRY(trap_breakpoint);
ENTRY(trap_overflow);
ENTRY(trap_bound);
ENTRY(trap_invalid_opcode);
ENTRY(trap_device_not_available);
ENTRY(trap_double_fault);
ENTRY(trap_invalid_tss);
ENTRY(trap_segment_not_present);
ENTRY(trap_stack_segment);
ENTRY(trap_general_protection);
ENTRY(trap_page_fault);
ENTRY(trap_x87);
ENTRY(trap_alignment);
ENTRY(trap_machine_check);
ENTRY(trap_simd);
ENTRY(trap_software);
ENTRY(callback_event);
ENTRY(callback_failsafe);
ENTRY(callback_syscall);
#undef ENTRY

static fault_hook_t *hook;

static const struct {
    uint8_t vector, level;
    char *entry;
} traps[] = {
    {0, 0, trap_divide_error},
    {1, 0, trap_debug},
    {3, 3, trap_breakpoint},
    {4, 3, trap_overflow},
    {5, 0, trap_bound},
    {6, 0, trap_invalid_opcode},
    {7, 0, trap_device_not_available},
    {8, 0, trap_double_fault},
    {10, 0, trap_invalid_tss},
    {11, 0, trap_segment_not_present},
    {12, 0, trap_stack_segment},
    {13, 0, trap_general_protection},
    {14, 0, trap_page_fault},
    {16, 0, trap_x87},
    {17, 0, trap_alignment},
    {18, 0, trap_machine_check},
    {19, 0, trap_simd},
    {0x80, 3, trap_software},
};

#define TRAP_COUNT (sizeof(traps) / sizeof(traps[0]))

void fault_start(void)
{
    struct trap_info table[TRAP_COUNT + 1];
    int error;

    memset(table, 0, sizeof(table));
    for (size_t i = 0; i < TRAP_COUNT; i++) {
        table[i].vector = traps[i].vector;
        table[i].flags = traps[i].level | TRAP_MASKS_EVENTS;
        table[i].cs = FLAT_KERNEL_CS;
        table[i].address = (unsigned long)traps[i].entry;
    }
    error = hypercall_set_trap_table(table);
    if (error)
        panic("trap table refused: %d", error);
    error = hypercall_set_callbacks((unsigned long)callback_event, (unsigned long)callback_failsafe,
                                    (unsigned long)callback_syscall);
    if (error)
        panic("callbacks refused: %d", error);
}

void fault_set_hook(fault_hook_t *function)
{
    hook = function;
}

static uint64_t fault_address(const struct trap_frame *frame)
{
    return frame->vector == VECTOR_PAGE_FAULT ? vcpu_current_info()->arch.cr2 : 0;
}

/* Turn the frame into a return from fault_call() with result 1. */
static void fault_unwind(struct trap_frame *frame)
{
    struct catch *catch = thread_catch();

    if (catch->what) {
        catch->what->vector = (unsigned int)frame->vector;
        catch->what->error_code = frame->error_code;
        catch->what->address = fault_address(frame);
        catch->what->rip = frame->rip;
        catch->what->registers = *frame;
    }
    frame->rbx = catch->rbx;
    frame->rbp = catch->rbp;
    frame->r12 = catch->r12;
    frame->r13 = catch->r13;
    frame->r14 = catch->r14;
    frame->r15 = catch->r15;
    frame->rsp = catch->rsp;
    frame->rip = (uint64_t)fault_resume;
    frame->cs = FLAT_KERNEL_CS & ~3UL;
    frame->ss = FLAT_KERNEL_SS;
    frame->rflags &= ~(FLAG_TRAP | FLAG_DIRECTION | FLAG_ALIGNMENT | FLAG_INTERRUPT);
    if (!catch->events_masked)
        frame->rflags |= FLAG_INTERRUPT;
}

static _Noreturn void fault_report(const struct trap_frame *frame)
{
    events_mask();
    print("fault: vector %u error %#lx address %#lx\n", (unsigned int)frame->vector,
          (unsigned long)frame->error_code, (unsigned long)fault_address(frame));
    print("  rip %016lx cs %04lx rflags %08lx rsp %016lx ss %04lx\n", frame->rip,
          frame->cs & 0xffff, frame->rflags, frame->rsp, frame->ss & 0xffff);
    print("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", frame->rax, frame->rbx, frame->rcx,
          frame->rdx);
    print("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", frame->rsi, frame->rdi, frame->rbp,
          frame->r8);
    panic("exception %u in thread %s of vcpu %u", (unsigned int)frame->vector,
          thread_name(thread_current()), vcpu_current()->number);
}

static __attribute__((noinline)) void fault_without_hook(struct trap_frame *frame)
{
    if (!thread_catch())
        fault_report(frame);
    fault_unwind(frame);
}

/* All ways in but the upcall's end here; the frame may be changed, it is what iret then loads. */
void fault_dispatch(struct trap_frame *frame)
{
    if (!hook || !hook(frame))
        fault_without_hook(frame);
}

bool fault_catch(void (*f)(void *), void *argument, struct fault *what)
{
    struct catch catch = {.outer = thread_catch(), .what = what};
    bool faulted;

    catch.events_masked = vcpu_current_info()->evtchn_upcall_mask;
    thread_set_catch(&catch);
    faulted = fault_call(&catch, f, argument);
    thread_set_catch(catch.outer);
    return faulted;
}

struct access {
    uint64_t *address;
    uint64_t value;
};

static void access_read(void *argument)
{
    struct access *access = argument;

    access->value = READ_ONCE(*access->address);
}

static void access_write(void *argument)
{
    struct access *access = argument;

    WRITE_ONCE(*access->address, access->value);
}

int fault_try_read(const void *address, uint64_t *value)
{
    struct access access = {.address = (uint64_t *)address};

    if (fault_catch(access_read, &access, NULL))
        return -XEN_EFAULT;
    *value = access.value;
    return 0;
}

int fault_try_write(void *address, uint64_t value)
{
    struct access access = {.address = address, .value = value};

    return fault_catch(access_write, &access, NULL) ? -XEN_EFAULT : 0;
}
