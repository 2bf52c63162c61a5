/* SPDX-License-Identifier: MIT */
/*
 * The processor's trap flag stops after each instruction (Intel SDM volume 3, 17.3.1.4); the kernel
 * turns that into SIGTRAP, and saves and clears the flag while the signal is handled.
 */
#define _GNU_SOURCE
#include "tests/unit/interruption.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define TRAP_FLAG 0x100
#define RED_ZONE  128

static void (*interrupting)(void);
static unsigned long copies, sound;
static bool is_copy;

static void instruction_done(int number, siginfo_t *information, void *context)
{
    pid_t copy = fork();
    int status;

    (void)number;
    (void)information;
    if (copy < 0)
        abort();
    if (copy == 0) {
        is_copy = true;
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
        interrupting();
        return;
    }
    copies++;
    if (waitpid(copy, &status, 0) == copy && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        sound++;
}

static inline __attribute__((always_inline)) void trap_flag_set(void)
{
    __asm__ volatile("sub %0, %%rsp; pushf; orq %1, (%%rsp); popf; add %0, %%rsp"
                     :
                     : "i"(RED_ZONE), "i"(TRAP_FLAG)
                     : "memory", "cc");
}

static inline __attribute__((always_inline)) void trap_flag_clear(void)
{
    __asm__ volatile("sub %0, %%rsp; pushf; andq %1, (%%rsp); popf; add %0, %%rsp"
                     :
                     : "i"(RED_ZONE), "i"(~TRAP_FLAG)
                     : "memory", "cc");
}

unsigned long interruption_everywhere(void (*function)(void), void (*interrupt)(void),
                                      bool (*check)(void), unsigned long *total)
{
    struct sigaction action = {.sa_sigaction = instruction_done, .sa_flags = SA_SIGINFO}, before;

    if (sigaction(SIGTRAP, &action, &before) != 0)
        abort();
    interrupting = interrupt;
    copies = sound = 0;
    trap_flag_set();
    function();
    trap_flag_clear();
    if (is_copy)
        _exit(check() ? 0 : 1);
    (void)sigaction(SIGTRAP, &before, NULL);
    *total = copies;
    return sound;
}
