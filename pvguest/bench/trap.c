/* SPDX-License-Identifier: MIT */
/* Exceptions, page faults with repair, system calls from user mode, iret. */
#include "lib/string.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

#define USER_CODE 0x0000000000400000UL

static unsigned int seen;
static char *window;
static uint64_t *page, entry;

static bool skip_undefined(struct trap_frame *frame)
{
    if (frame->vector != 6)
        return false;
    frame->rip += 2;
    seen++;
    return true;
}

static bool undefined_prepare(void)
{
    fault_set_hook(skip_undefined);
    return true;
}

static void undefined(unsigned int count)
{
    seen = 0;
    for (unsigned int i = 0; i < count; i++)
        __asm__ __volatile__("ud2" ::: "memory");
}

static bool all_seen(unsigned int count)
{
    return seen == count;
}

static void hook_remove(void)
{
    fault_set_hook(NULL);
}

/* Each fault maps the page; each access after it takes it away again. */
static bool repair(struct trap_frame *frame)
{
    if (frame->vector != 14)
        return false;
    hypercall_update_va_mapping((uint64_t)window, entry, 0);
    seen++;
    return true;
}

static bool fault_prepare(void)
{
    uint64_t unused;

    window = window_reserve(1);
    page = page_allocate(0);
    if (!window || !page || table_entry_address((uint64_t)window, true, &unused))
        return false;
    page[0] = 1;
    entry = page_mfn(page) << PAGE_SHIFT | PTE_DATA;
    fault_set_hook(repair);
    return true;
}

static void fault_and_repair(unsigned int count)
{
    seen = 0;
    for (unsigned int i = 0; i < count; i++) {
        (void)*(volatile uint64_t *)window;
        hypercall_update_va_mapping((uint64_t)window, 0, UVMF_INVLPG);
    }
}

static void fault_end(void)
{
    hook_remove();
    window_release(window, 1);
    page_free(page, 0);
}

/* iret to the next instruction. */
static void iret(unsigned int count)
{
    seen = 0;
    for (unsigned int i = 0; i < count; i++, seen++) {
        __asm__ __volatile__("movq %%rsp, %%rax\n"
                             "pushq %[ss]\n"
                             "pushq %%rax\n"
                             "pushq $0x202\n"
                             "pushq %[cs]\n"
                             "leaq 1f(%%rip), %%rcx\n"
                             "pushq %%rcx\n"
                             "pushq $0\n"
                             "jmp hypercall_page + 32 * %c[iret]\n"
                             "1:" ::[ss] "i"(FLAT_KERNEL_SS),
                             [cs] "i"(FLAT_KERNEL_CS & ~3), [iret] "i"(__HYPERVISOR_iret)
                             : "rax", "rcx", "r11", "memory", "cc");
    }
}

/* User code counts system calls down in rbx, then asks with rax = 1 to be left. */
extern const char user_loop[], user_loop_end[];
__asm__(".pushsection .rodata.user\n"
        "user_loop: xorl %eax, %eax\n"
        "syscall\n"
        "decl %ebx\n"
        "jnz user_loop\n"
        "movl $1, %eax\n"
        "syscall\n"
        "user_loop_end:\n"
        ".popsection\n");

static uint64_t *code, *root;

static bool user_prepare(void)
{
    struct mmuext_op operations[2] = {{.cmd = MMUEXT_PIN_L4_TABLE},
                                      {.cmd = MMUEXT_NEW_USER_BASEPTR}};
    uint64_t unused;

    code = page_allocate(0);
    root = page_allocate(0);
    if (!code || !root || table_entry_address(USER_CODE, true, &unused))
        return false;
    memcpy(code, user_loop, (size_t)(user_loop_end - user_loop));
    root[0] = table_root()[0];
    operations[0].arg1.mfn = operations[1].arg1.mfn = page_mfn(root);
    return !table_map_own(USER_CODE,
                          page_mfn(code) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_ACCESSED) &&
           !table_protect(root) && !hypercall_mmuext_op(operations, 2, NULL, DOMID_SELF);
}

static bool answer(struct trap_frame *frame)
{
    if (frame->vector != FAULT_VECTOR_SYSCALL || frame->rax != 0)
        return false;
    seen++;
    return true;
}

static void user_enter(void *argument)
{
    uint64_t stack;

    __asm__ __volatile__("movq %%rsp, %0" : "=r"(stack));
    hypercall_stack_switch(FLAT_KERNEL_SS, (stack - 2048) & ~15UL);
    __asm__ __volatile__(
        "pushq %[ss]\n"
        "pushq $0\n"
        "pushq $0x202\n"
        "pushq %[cs]\n"
        "pushq %[code]\n"
        "pushq $0\n"
        "jmp hypercall_page + 32 * %c[iret]" ::[ss] "i"(FLAT_USER_SS),
        [cs] "i"(FLAT_USER_CS), [code] "i"(USER_CODE), [iret] "i"(__HYPERVISOR_iret),
        "b"(*(unsigned int *)argument)
        : "memory");
}

static void user_system_calls(unsigned int count)
{
    seen = 0;
    fault_set_hook(answer);
    fault_catch(user_enter, &count, NULL);
    fault_set_hook(NULL);
}

static void user_end(void)
{
    struct mmuext_op operations[2] = {{.cmd = MMUEXT_NEW_USER_BASEPTR},
                                      {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = page_mfn(root)}};

    hypercall_mmuext_op(operations, 2, NULL, DOMID_SELF);
    table_unprotect(root);
    table_map_own(USER_CODE, 0);
    page_free(root, 0);
    page_free(code, 0);
}

const struct row trap_rows[] = {
    {"exception_bounce", 5000, undefined_prepare, undefined, all_seen, hook_remove},
    {"page_fault_repair", 2000, fault_prepare, fault_and_repair, all_seen, fault_end},
    {"iret", 10000, NULL, iret, all_seen, NULL},
    {"user_syscall", 5000, user_prepare, user_system_calls, all_seen, user_end},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
