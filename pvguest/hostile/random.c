/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls with arguments drawn from what is likely to hurt. `seed=` and `rounds=` choose the
 * run, so that a failure can be repeated. Calls that would end, stop or reconfigure this very
 * domain's kernel are left out; everything else may fail as it likes.
 */
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/table.h"

#include <xen/sched.h>

#define SCRATCH_ORDER 2
#define SPARES        64 /* taken beforehand: the allocator is no safer than any other memory */

static uint64_t state;
static uint64_t *spares[SPARES];
static unsigned int spares_left;
static uint64_t *scratch; /* what pointer arguments point to: full of random words */

/* xorshift; the seed must not be zero. */
static uint64_t random_next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t random_word(void)
{
    switch (random_next() % 12) {
    case 0:
        return 0;
    case 1:
        return random_next() % 16;
    case 2:
        return ~0UL - random_next() % 16;
    case 3:
        return HYPERVISOR_ADDRESS + random_next() % 4096;
    case 4:
        return NONCANONICAL_ADDRESS - random_next() % 4096;
    case 5:
        return table_root_mfn();
    case 6:
        return (table_root_mfn() << PAGE_SHIFT) + random_next() % 256 * 8;
    case 7:
        return page_mfn(scratch);
    case 8:
        return DOMID_SELF;
    case 9:
        return 1UL << random_next() % 64;
    case 10:
        return (uint64_t)scratch + random_next() % (PAGE_SIZE << SCRATCH_ORDER);
    default:
        return random_next();
    }
}

static void scratch_fill(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < (PAGE_SIZE << SCRATCH_ORDER) / sizeof(*scratch); i += 1 + i % 3)
        scratch[i] = random_word();
}

/* Calls that work as they should would leave us without a kernel to go on with. */
static bool call_is_spared(unsigned int number, uint64_t first)
{
    switch (number) {
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_set_callbacks:
    case __HYPERVISOR_callback_op:
    case __HYPERVISOR_stack_switch:
    case __HYPERVISOR_iret:
    case __HYPERVISOR_nmi_op:
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_sched_op_compat:
    case __HYPERVISOR_event_channel_op_compat:
    case __HYPERVISOR_kexec_op:
        return true;
    case __HYPERVISOR_sched_op:
        return first != SCHEDOP_yield;
    case __HYPERVISOR_event_channel_op:
        return first == EVTCHNOP_reset || first == EVTCHNOP_close || first == EVTCHNOP_init_control;
    case __HYPERVISOR_memory_op:
        return first == 1 || first == 11; /* decrease and exchange take what we stand on */
    default:
        return false;
    }
}

struct call {
    unsigned int number;
    uint64_t arguments[5];
};

static void call_make(void *argument)
{
    struct call *call = argument;

    hypercall_raw(call->number, call->arguments[0], call->arguments[1], call->arguments[2],
                  call->arguments[3], call->arguments[4]);
}

static void scratch_replace(void)
{
    scratch = spares_left ? spares[--spares_left] : NULL;
}

/* A call may have taken our handlers or the scratch pages away: make them anew. */
static bool ready_again(void)
{
    fault_start();
    while (scratch && fault_catch(scratch_fill, NULL, NULL))
        scratch_replace();
    return scratch;
}

static bool random_calls(void)
{
    uint64_t rounds = attack_number("rounds", 20000), round;

    state = attack_number("seed", 1) * 2 + 1;
    /* The middle of each block: what is written beyond the end harms no one else. */
    for (; spares_left < SPARES; spares_left++)
        spares[spares_left] = (uint64_t *)((char *)page_allocate(SCRATCH_ORDER + 1) + PAGE_SIZE);
    scratch_replace();
    for (round = 0; round < rounds && ready_again(); round++) {
        struct call call = {.number = (unsigned int)(random_next() % 64)};

        for (int i = 0; i < 5; i++)
            call.arguments[i] = random_word();
        if (!call_is_spared(call.number, call.arguments[0]))
            fault_catch(call_make, &call, NULL);
    }
    print("hostile: %lu random calls\n", round);
    return true;
}

const struct attack random_attacks[] = {
    {"random", HARMLESS, random_calls},
    {NULL, REFUSED, NULL},
};
