/* SPDX-License-Identifier: MIT */
/*
 * Compiler and processor ordering, and single accesses to memory that another party may change.
 * The macros named xen_* are those that <xen/io/ring.h> expects its includer to define.
 */
#pragma once

#define barrier()         __asm__ __volatile__("" ::: "memory")
#define memory_barrier()  __asm__ __volatile__("mfence" ::: "memory")
#define read_barrier()    barrier()
#define write_barrier()   barrier()
#define processor_relax() __asm__ __volatile__("pause" ::: "memory")

/* Exactly one access, never repeated or merged by the compiler. */
#ifndef READ_ONCE
#define READ_ONCE(lvalue)         (*(const volatile __typeof__(lvalue) *)&(lvalue))
#define WRITE_ONCE(lvalue, value) (*(volatile __typeof__(lvalue) *)&(lvalue) = (value))
#endif

#ifndef xen_mb
#define xen_mb()  memory_barrier()
#define xen_rmb() read_barrier()
#define xen_wmb() write_barrier()
#endif
