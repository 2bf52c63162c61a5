/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs. A vcpu belongs to its domain until the domain is freed. Fields are written by the
 * vcpu itself while it runs, by the context switch, or by control calls while the domain is paused
 * (vcpu_pause waits until it is off its processor), except where a field says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include "hypervisor/memory/known_table.h"
#include "hypervisor/memory/mfn.h"
#include "hypervisor/processor/lock.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/run_queue.h"
#include "hypervisor/processor/timer.h"
#include "lib/list.h"

struct domain;
struct fpu_state;

#define HYPERCALL_NUMBERS 64 /* that are counted: all of xen.h */
#define VCPU_MAX          32 /* per domain: what the legacy vcpu_info array of shared_info holds */

/* Why a vcpu does not want to run; any bit set = not runnable. Guarded by the scheduler's lock of
 * its pcpu. */
enum vcpu_wait {
    VCPU_WAIT_EVENT = 1 << 0,  /* SCHEDOP_block                                      */
    VCPU_WAIT_POLL = 1 << 1,   /* SCHEDOP_poll                                       */
    VCPU_WAIT_DOWN = 1 << 2,   /* not brought up (VCPUOP_up)                         */
    VCPU_WAIT_MUTEX = 1 << 3,  /* inside the hypervisor, on a struct mutex or wait queue */
    VCPU_WAIT_BUDGET = 1 << 4, /* its domain's cap is reached, processor/scheduler_cap.h   */
};

#define TRAP_PRIVILEGE    3 /* in the flags of a trap: the least privileged ring that may `int` */
#define TRAP_MASKS_EVENTS 4

struct vcpu_trap {
    uint64_t address; /* canonical */
    uint16_t selector;
    uint8_t flags;
    bool masks_events; /* one of the flags */
};

/* What the guest registered: traps, callbacks (all canonical), stacks. */
struct vcpu_guest {
    bool kernel_mode; /* which of the two page tables is in use */
    bool nmi_masked;  /* inside the NMI handler, until the iret hypercall */
    bool failsafe_masks_events, syscall_masks_events, syscall32_masks_events;
    uint64_t iopl;         /* 0-3, as PHYSDEVOP_set_iopl */
    uint64_t kernel_stack; /* ss:rsp loaded when user mode traps */
    uint16_t kernel_stack_selector;
    struct vcpu_trap traps[256];
    uint64_t event_callback, failsafe_callback, syscall_callback;
    uint64_t syscall32_callback, nmi_callback;
    uint64_t gs_base_kernel, gs_base_user, fs_base;
    uint16_t ds, es, fs, gs; /* saved while not running */
    uint64_t cr0_ts;         /* the guest's view of CR0.TS */
    uint64_t cr2_shadow;
    uint64_t debug[8];
    uint64_t xcr0;
    mfn_t gdt_frames[14];
    unsigned gdt_entries;
    mfn_t ldt_frames[16];
    uint64_t ldt_base;
    unsigned ldt_entries;
};

struct vcpu {
    /*
     * One word that is zero while the vcpu may simply go on into its guest. dispatcher/entry.S
     * looks at it, and at the upcall's flag in `info`, on the way out.
     */
    uint32_t pause_count; /* scheduler's lock                                            */
    uint16_t wait;        /* enum vcpu_wait bits; scheduler's lock                       */
    bool exit_work;       /* anybody: something else to be looked at, see trap.c         */
    uint8_t exit_unused;

    /* Event upcall: points into shared_info or at the page registered by the guest. */
    struct vcpu_info *info;
    uint32_t hypercall_count[HYPERCALL_NUMBERS]; /* by number, domain/counters.c */

    struct domain *domain;
    mfn_t user_table, kernel_table; /* level-4 tables, referenced; user_table may be invalid    */
    struct vcpu_guest guest;
    unsigned id;
    struct pcpu *pcpu;     /* where it is queued or runs; scheduler's lock             */
    volatile bool running; /* on its pcpu now (registers are live there)               */
    bool initialised;
    struct stack_top *stack; /* top of its hypervisor stack, which lies right before it  */
    uint64_t switch_rsp;     /* saved stack pointer while it does not run                */

    volatile bool at_exit;    /* not inside a hypercall: only waiting to enter the guest  */
    bool resting;             /* stopped at a rest_point(): some of its registers are not saved */
    struct run_entity entity; /* scheduler's lock                                        */
    uint64_t hard_affinity, soft_affinity; /* as asked for; control_lock                  */
    uint64_t pin_override; /* SCHEDOP_pin_override: a bit, 0 = none; control_lock      */
    struct list mutex_wait;
    uint8_t mutexes_held[LOCK_LEVEL_SLEEPING_END]; /* lock-order check, lock.c           */

    struct known_tables known; /* memory/known_table.h */
    struct fpu_state *fpu;     /* XSAVE area, processor/fpu.c                              */

    mfn_t info_frame;         /* MFN_INVALID while in shared_info */
    unsigned poll_port_count; /* event locks                      */
    evtchn_port_t poll_port;  /* the one polled port, 0 = several */
    evtchn_port_t virq_port[NR_VIRQS];

    struct timer singleshot_timer; /* set_timer_op and VCPUOP_set_singleshot_timer */
    struct timer periodic_timer;
    uint64_t periodic_period;
    struct timer poll_timer;

    struct vcpu_runstate_info runstate; /* scheduler's lock; guest copy at runstate_guest */
    uint64_t runstate_guest;            /* guest linear address, 0 = none */
    uint64_t time_guest;                /* VCPUOP_register_vcpu_time_memory_area, 0 = none */
    uint64_t runstate_published;        /* entry time of the last copy, domain/vcpu_area.c */
    uint32_t time_published;            /* version of the last copy */
    uint32_t nmi_pending;
};

/* Allocate vcpu `id` of a domain, down and not initialised. 0, -XEN_ENOMEM, -XEN_EINVAL,
 * -XEN_EEXIST. */
int vcpu_create(struct domain *domain, unsigned id, struct vcpu **result);
/* Undo vcpu_create; the vcpu must be off its processor for good. */
void vcpu_destroy(struct vcpu *vcpu);

/* Registers, tables and state from the public structure, checked (VCPUOP_initialise,
 * setvcpucontext). */
int vcpu_set_context(struct vcpu *vcpu, const struct vcpu_guest_context *context);
/* The public structure from a vcpu that is not running (getvcpucontext). */
void vcpu_get_context(struct vcpu *vcpu, struct vcpu_guest_context *context);
/* Drop table, GDT, LDT and info references (domain destruction, VCPUOP initialise failures). */
void vcpu_release_references(struct vcpu *vcpu);

/*
 * Switch the processor from `previous` to `next`: stacks, tables, FPU, segments, descriptor
 * windows. Returns when `previous` is chosen again. Scheduler only.
 */
void vcpu_switch(struct vcpu *previous, struct vcpu *next);

/* All that entry.S looks at: not zero if the vcpu may not simply go on into its guest. */
static inline uint64_t vcpu_exit_word(const struct vcpu *vcpu)
{
    return *(const uint64_t *)&vcpu->pause_count;
}

/* Load the level-4 table that belongs to the vcpu's mode. Current vcpu only. */
void vcpu_load_table(struct vcpu *vcpu);
/*
 * From guest user to kernel mode: table, GS base, what `syscall` means. Current vcpu only. The way
 * back is the iret hypercall's, in dispatcher/entry.S.
 */
void vcpu_enter_kernel_mode(struct vcpu *vcpu);
