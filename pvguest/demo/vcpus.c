/* SPDX-License-Identifier: MIT */
#include "pvguest/demo/vcpus.h"

#include "drivers/console/front.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/smp.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"

#include <stdint.h>
#include <xen/vcpu.h>

#define MILLISECOND_NS 1000000UL
#define SECOND_NS      (1000 * MILLISECOND_NS)
#define SPIN_MAX       3600 /* seconds */
#define ADDITIONS      10000

#define say console_front_print

void demo_vcpus_show(unsigned int count, char **words)
{
    struct vcpu_runstate_info state = {0};

    (void)count;
    (void)words;
    for (unsigned int vcpu = 0; vcpu < smp_vcpu_count(); vcpu++) {
        uint64_t ran;

        if (hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &state))
            continue;
        ran = state.time[RUNSTATE_running] / MILLISECOND_NS;
        say("vcpu %u  %-5s ran %llu.%03u s\n", vcpu, smp_is_up(vcpu) ? "up" : "down",
            (unsigned long long)(ran / 1000), (unsigned int)(ran % 1000));
    }
}

/* What each counts, and until when. */
static struct {
    uint64_t until, rounds[VCPU_MAX];
    uint32_t spinning;
    struct wait_queue changed;
} spin = {.changed = WAIT_QUEUE_INIT(spin.changed)};

/* Others of its virtual CPU, among them who serves this console, have their turns. */
static void spin_until(void *argument)
{
    uint64_t *rounds = argument;

    while (clock_monotonic_ns() < spin.until) {
        for (unsigned int i = 0; i < ADDITIONS; i++)
            __asm__ __volatile__("" ::"r"(i));
        ++*rounds;
        thread_yield();
    }
    __atomic_fetch_sub(&spin.spinning, 1, __ATOMIC_SEQ_CST);
    wait_queue_wake(&spin.changed);
}

static unsigned int spin_start(unsigned int vcpu)
{
    spin.rounds[vcpu] = 0;
    __atomic_fetch_add(&spin.spinning, 1, __ATOMIC_SEQ_CST);
    if (thread_create_on(vcpu, "spin", spin_until, &spin.rounds[vcpu]))
        return 1;
    __atomic_fetch_sub(&spin.spinning, 1, __ATOMIC_SEQ_CST);
    return 0;
}

void demo_spin(unsigned int count, char **words)
{
    const char *cursor = count > 1 ? words[1] : "1";
    unsigned int started = 0;
    uint32_t up = smp_mask();
    uint64_t seconds;

    if (!text_parse_unsigned(&cursor, &seconds) || *cursor || seconds > SPIN_MAX) {
        say("how many seconds?\n");
        return;
    }
    spin.until = clock_monotonic_ns() + seconds * SECOND_NS;
    for (unsigned int vcpu = 0; vcpu < VCPU_MAX; vcpu++)
        if (up >> vcpu & 1)
            started += spin_start(vcpu);
    say("%u virtual processors count\n", started);
    WAIT_UNTIL(&spin.changed, !__atomic_load_n(&spin.spinning, __ATOMIC_SEQ_CST));
    for (unsigned int vcpu = 0; vcpu < VCPU_MAX; vcpu++)
        if (up >> vcpu & 1)
            say("vcpu %u counted to %llu\n", vcpu,
                (unsigned long long)spin.rounds[vcpu] * ADDITIONS);
}
