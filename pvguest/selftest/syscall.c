/* SPDX-License-Identifier: MIT */
/* User mode: two page tables, syscall, exceptions and upcalls from there, iret. */
#include "lib/string.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define USER_CODE  0x0000000000400000UL
#define USER_DATA  0x0000000000401000UL
#define USER_STACK (USER_DATA + 4096)
#define USER_FLAGS 0x202

#define ERROR_USER 4
#define EVENT_NS   5000000UL

/*
 * Pieces of user code; each is copied to USER_CODE. They are reached by nothing but iret, and end
 * in a syscall or an exception.
 */
#define USER_PIECE(name, text)                                                  \
    extern const char user_##name[], user_##name##_end[];                       \
    __asm__(".pushsection .rodata.user\nuser_" #name ":\n" text "\nuser_" #name \
            "_end:\n.popsection\n")

USER_PIECE(syscall, "movq $0x1111, %rax; movq $0x2222, %rbx; movq $0x3333, %r9; syscall");
USER_PIECE(undefined, "ud2");
USER_PIECE(interrupt, "int $0x80");
USER_PIECE(privileged, "hlt");
USER_PIECE(read_kernel, "movq (%rdi), %rax; syscall");
USER_PIECE(wait, "1: cmpq $0, (%rdi); je 1b; movq $0x4444, %rax; syscall");
USER_PIECE(two_calls, "syscall; movq $0x5555, %rbx; syscall");
USER_PIECE(fs, "movq %fs:0, %rax; movq %gs:0, %rbx; syscall");

static uint64_t *code, *data, *root;

static void page_make_user(void *page, uint64_t address, uint64_t flags)
{
    uint64_t entry;

    if (table_entry_address(address, true, &entry) ||
        table_map_own(address, page_mfn(page) << PAGE_SHIFT | flags))
        check_failed("user page at %#lx refused", address);
}

/* A second level-4 table with nothing but the user's part of the first. */
static void user_start(void)
{
    struct mmuext_op operations[2] = {{.cmd = MMUEXT_PIN_L4_TABLE},
                                      {.cmd = MMUEXT_NEW_USER_BASEPTR}};

    if (root)
        return;
    code = page_allocate(0);
    data = page_allocate(0);
    root = page_allocate(0);
    page_make_user(code, USER_CODE, PTE_PRESENT | PTE_USER | PTE_ACCESSED);
    page_make_user(data, USER_DATA, PTE_DATA | PTE_USER);
    root[0] = table_root()[0];
    operations[0].arg1.mfn = operations[1].arg1.mfn = page_mfn(root);
    if (table_protect(root) || hypercall_mmuext_op(operations, 2, NULL, DOMID_SELF))
        check_failed("user page table refused");
}

struct excursion {
    uint64_t rdi;
    uint64_t flags;
};

/* Leave for user mode; what the hypervisor delivers on the way back is caught. */
static void user_enter(void *argument)
{
    struct excursion *excursion = argument;
    uint64_t stack;

    __asm__ __volatile__("movq %%rsp, %0" : "=r"(stack));
    hypercall_stack_switch(FLAT_KERNEL_SS, (stack - 2048) & ~15UL);
    __asm__ __volatile__(
        "pushq %[ss]\n"
        "pushq %[stack]\n"
        "pushq %[rflags]\n"
        "pushq %[cs]\n"
        "pushq %[code]\n"
        "pushq %[flags]\n"
        "jmp hypercall_page + 32 * %c[iret]" ::[ss] "i"(FLAT_USER_SS),
        [stack] "i"(USER_STACK), [rflags] "i"(USER_FLAGS), [cs] "i"(FLAT_USER_CS),
        [code] "i"(USER_CODE), [flags] "r"(excursion->flags), [iret] "i"(__HYPERVISOR_iret),
        "D"(excursion->rdi)
        : "memory");
}

static bool user_run(const char *piece, const char *end, uint64_t rdi, struct fault *fault)
{
    struct excursion excursion = {.rdi = rdi};

    user_start();
    memcpy(code, piece, (size_t)(end - piece));
    return fault_catch(user_enter, &excursion, fault);
}

#define USER_RUN(name, rdi, fault) user_run(user_##name, user_##name##_end, rdi, fault)

static void syscall_delivered(void)
{
    struct fault fault;

    EXPECT(USER_RUN(syscall, 0, &fault));
    EXPECT_VALUE(FAULT_VECTOR_SYSCALL, fault.vector);
    EXPECT_VALUE(0x1111, fault.registers.rax);
    EXPECT_VALUE(0x2222, fault.registers.rbx);
    EXPECT_VALUE(0x3333, fault.registers.r9);
    EXPECT_VALUE(USER_CODE + (uint64_t)(user_syscall_end - user_syscall), fault.rip);
    EXPECT_VALUE(USER_STACK, fault.registers.rsp);
    EXPECT_VALUE(3, fault.registers.cs & 3);
}

static void exceptions(void)
{
    struct fault fault;

    EXPECT(USER_RUN(undefined, 0, &fault));
    EXPECT_VALUE(6, fault.vector);
    EXPECT_VALUE(USER_CODE, fault.rip);
    EXPECT_VALUE(3, fault.registers.cs & 3);
    EXPECT(USER_RUN(privileged, 0, &fault));
    EXPECT_VALUE(13, fault.vector);
}

static void software_interrupt(void)
{
    struct fault fault;

    EXPECT(USER_RUN(interrupt, 0, &fault));
    EXPECT_VALUE(0x80, fault.vector);
    EXPECT_VALUE(USER_CODE + 2, fault.rip);
}

static void kernel_memory_hidden(void)
{
    struct fault fault;

    EXPECT(USER_RUN(read_kernel, (uint64_t)&code, &fault));
    EXPECT_VALUE(14, fault.vector);
    EXPECT_VALUE((uint64_t)&code, fault.address);
    EXPECT(fault.error_code & ERROR_USER);
    EXPECT(USER_RUN(read_kernel, HYPERVISOR_ADDRESS, &fault));
    EXPECT_VALUE(14, fault.vector);
}

static void set_user_word(evtchn_port_t port, void *argument)
{
    (void)port;
    *(uint64_t *)argument = 1;
}

/* The program waits for a word that only an upcall, taken in user mode, sets. */
static void upcall_from_user_mode(void)
{
    struct fault fault;
    evtchn_port_t port;

    user_start();
    *data = 0;
    EXPECT_VALUE(0, event_bind_ipi(&port));
    EXPECT_VALUE(0, event_bind(port, set_user_word, data));
    events_mask();
    event_notify(port);
    EXPECT(USER_RUN(wait, USER_DATA, &fault));
    events_restore(0);
    EXPECT_VALUE(FAULT_VECTOR_SYSCALL, fault.vector);
    EXPECT_VALUE(0x4444, fault.registers.rax);
    EXPECT_VALUE(0, event_close(port));
}

static bool answer_first(struct trap_frame *frame)
{
    if (frame->vector != FAULT_VECTOR_SYSCALL || frame->rbx == 0x5555)
        return false;
    frame->rax = 0x6666;
    return true;
}

static void syscall_returns(void)
{
    struct fault fault;

    fault_set_hook(answer_first);
    EXPECT(USER_RUN(two_calls, 0, &fault));
    EXPECT_VALUE(FAULT_VECTOR_SYSCALL, fault.vector);
    EXPECT_VALUE(0x5555, fault.registers.rbx);
    EXPECT_VALUE(0x6666, fault.registers.rax);
}

static void in_syscall_return(void)
{
    struct excursion excursion = {.flags = VGCF_in_syscall};
    struct fault fault;

    user_start();
    memcpy(code, user_syscall, (size_t)(user_syscall_end - user_syscall));
    EXPECT(fault_catch(user_enter, &excursion, &fault));
    EXPECT_VALUE(FAULT_VECTOR_SYSCALL, fault.vector);
    EXPECT_VALUE(0x1111, fault.registers.rax);
}

/* The user's gs base is another than the kernel's. */
static void segment_bases(void)
{
    struct fault fault;

    user_start();
    data[0] = 0x7777;
    data[1] = 0x8888;
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_FS, USER_DATA));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_USER, USER_DATA + 8));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0x1000));
    EXPECT(USER_RUN(fs, 0, &fault));
    EXPECT_VALUE(FAULT_VECTOR_SYSCALL, fault.vector);
    EXPECT_VALUE(0x7777, fault.registers.rax);
    EXPECT_VALUE(0x8888, fault.registers.rbx);
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_FS, 0));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_USER, 0));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0));
}

static void user_table_removed(void)
{
    struct mmuext_op operations[2] = {{.cmd = MMUEXT_NEW_USER_BASEPTR},
                                      {.cmd = MMUEXT_UNPIN_TABLE}};

    user_start();
    operations[1].arg1.mfn = page_mfn(root);
    EXPECT_VALUE(0, hypercall_mmuext_op(operations, 2, NULL, DOMID_SELF));
    EXPECT_VALUE(0, table_unprotect(root));
    EXPECT_VALUE(0, table_map_own(USER_CODE, 0));
    EXPECT_VALUE(0, table_map_own(USER_DATA, 0));
    page_free(code, 0);
    page_free(data, 0);
    page_free(root, 0);
    root = NULL;
}

const struct check syscall_checks[] = {
    {"user mode: syscall reaches the callback", syscall_delivered},
    {"user mode: syscall returns", syscall_returns},
    {"user mode: return in syscall context", in_syscall_return},
    {"user mode: exceptions", exceptions},
    {"user mode: int 0x80", software_interrupt},
    {"user mode: kernel memory is hidden", kernel_memory_hidden},
    {"user mode: event upcall", upcall_from_user_mode},
    {"user mode: segment bases", segment_bases},
    {"mmuext_op: user base pointer removed", user_table_removed},
    {NULL, NULL},
};
