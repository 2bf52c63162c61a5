/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of this kernel, and how a thread that expects one catches it. An exception that
 * nobody catches prints the registers and ends the domain with SHUTDOWN_crash.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the entry code saved, lowest address first. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdx, rsi, rdi, rax;
    uint64_t vector, error_code, rcx, r11;
    uint64_t rip, cs, rflags, rsp, ss;
};

struct fault {
    unsigned int vector;
    uint64_t error_code; /* 0 for vectors without one */
    uint64_t address;    /* cr2 of a page fault */
    uint64_t rip;
    struct trap_frame registers; /* all of them, as they were */
};

/* Run f(argument); true when it faulted, with what happened. Nests. `what` may be NULL. */
bool fault_catch(void (*f)(void *), void *argument, struct fault *what);

/* One access that may fault: 0 or -XEN_EFAULT. */
int fault_try_read(const void *address, uint64_t *value);
int fault_try_write(void *address, uint64_t value);

/*
 * A handler that sees an exception or a user-mode system call before all else; true when it has
 * changed the frame so that execution may go on. NULL removes it. One at a time.
 */
typedef bool fault_hook_t(struct trap_frame *frame);
void fault_set_hook(fault_hook_t *hook);

/* The vector in a frame that stands for `syscall` from user mode. */
#define FAULT_VECTOR_SYSCALL 256

/* Called once on each virtual CPU: registers its trap table and its callbacks. */
void fault_start(void);
