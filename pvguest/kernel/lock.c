/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/lock.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"

#include <stddef.h>
#include <xen/sched.h>

#define ROUNDS_BEFORE_YIELD 1000

/* The holder may not be running: the hypervisor has taken its processor away. */
void spin_wait(const struct spinlock *lock)
{
    for (unsigned int round = 1; READ_ONCE(lock->held); round++) {
        if (round % ROUNDS_BEFORE_YIELD)
            processor_relax();
        else
            hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}
