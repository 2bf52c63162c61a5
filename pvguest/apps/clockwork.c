/* SPDX-License-Identifier: MIT */
/*
 * A guest that uses time and tells what it got. `job=` on the command line says how; a job that
 * lasts begins at `from=` and ends at `until=`, milliseconds of system time, which is the same in
 * all domains. Each prints one line `clockwork: JOB key=value ...`, then the domain stays, asleep.
 *
 *   spin       computes with events masked, on every virtual CPU the domain has
 *   yield      gives the processor away again and again, on every virtual CPU; counted in the
 *              `last=` milliseconds
 *   sleep      wakes up by the timer that `by=` names: singleshot, set_timer, poll or periodic;
 *              `rounds=` times at most, after up to `longest=` microseconds each
 *   idle       sleeps once
 *   ping, pong send an event to and fro `rounds=` times between this domain and `peer=`, waiting
 *              for it as `by=` says: block or poll
 *   reference  the first domain's: compares system time with the CMOS clock
 */
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/io_port.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/smp.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define MILLISECOND 1000000UL
#define PERIOD      (10 * MILLISECOND)
#define SCAN_PORTS  64
#define CMOS_INDEX  0x70
#define CMOS_DATA   0x71
#define SPIN_ROUNDS 50
#define LATE_NS     200000

static uint64_t word_number(const char *name, uint64_t otherwise)
{
    return text_option_unsigned(guest_command_line(), name, otherwise);
}

static bool word_is(const char *name, const char *value)
{
    char text[24];

    return text_option(guest_command_line(), name, text, sizeof(text)) && !strcmp(text, value);
}

/* ---- what a job is measured by ---- */

struct moment {
    uint64_t system, tsc;
    struct vcpu_runstate_info runstate;
};

/* All figures are made of these: without one there is nothing to tell. */
static struct vcpu_runstate_info runstate_of(unsigned int vcpu)
{
    struct vcpu_runstate_info runstate = {0};

    if (hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &runstate))
        panic("clockwork: no run-state of virtual CPU %u", vcpu);
    return runstate;
}

/*
 * Both clocks and the run-state at one moment: again, if the processor was given away meanwhile,
 * and the quickest of a few, for an interrupt may come in between that gives it to nobody else.
 */
static struct moment moment_now(void)
{
    struct moment moment, quickest = {0};
    uint64_t least = UINT64_MAX;

    for (unsigned int taken = 0; taken < 3;) {
        uint64_t before = clock_tsc();

        moment.runstate = runstate_of(0);
        moment.system = clock_monotonic_ns();
        moment.tsc = clock_tsc();
        if (runstate_of(0).state_entry_time != moment.runstate.state_entry_time)
            continue;
        taken++;
        if (moment.tsc - before < least) {
            least = moment.tsc - before;
            quickest = moment;
        }
    }
    return quickest;
}

/* What the processor did for us since; `unaccounted` is what the run-state lost or invented. */
static void print_since(const char *job, const struct moment *start)
{
    struct moment end = moment_now();
    uint64_t elapsed = end.system - start->system, times[4], sum = 0;

    for (unsigned int i = 0; i < 4; i++) {
        times[i] = end.runstate.time[i] - start->runstate.time[i];
        sum += times[i];
    }
    print("clockwork: %s elapsed=%lu tsc=%lu running=%lu runnable=%lu blocked=%lu offline=%lu "
          "unaccounted=%ld\n",
          job, elapsed, end.tsc - start->tsc, times[RUNSTATE_running], times[RUNSTATE_runnable],
          times[RUNSTATE_blocked], times[RUNSTATE_offline], (long)(elapsed - sum));
}

static void sleep_until(uint64_t deadline)
{
    uint64_t now = clock_monotonic_ns();

    if (deadline > now)
        thread_sleep_ns(deadline - now);
}

/* ---- jobs ---- */

static uint64_t spin_until;

/*
 * Under -icount QEMU's processors take turns on one thread, and one that only computes does so up
 * to the next timer's deadline, where it gets its next turn: the others stand still while time goes
 * on. `pause` ends the turn.
 */
static void spin(void *argument)
{
    unsigned long masked = events_mask();

    (void)argument;
    while (clock_monotonic_ns() < spin_until) {
        for (unsigned int i = 0; i < SPIN_ROUNDS; i++)
            __asm__ __volatile__(".rept 32\n\tadd $1, %%rax\n\t.endr" : : : "rax", "cc");
        __asm__ __volatile__("pause");
    }
    events_restore(masked);
}

static uint64_t yield_from, yields[VCPU_MAX];

static void yield(void *argument)
{
    unsigned long masked = events_mask();
    uint64_t *count = argument, now;

    while ((now = clock_monotonic_ns()) < spin_until) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
        *count += now >= yield_from;
    }
    events_restore(masked);
}

static void job_yield(uint64_t until)
{
    struct moment start = moment_now();
    uint64_t sum = 0;

    spin_until = until;
    yield_from = until - word_number("last", 0) * MILLISECOND;
    for (unsigned int vcpu = 1; vcpu < smp_vcpu_count(); vcpu++)
        thread_create_on(vcpu, "yield", yield, &yields[vcpu]);
    yield(&yields[0]);
    for (unsigned int vcpu = 0; vcpu < smp_vcpu_count(); vcpu++)
        sum += yields[vcpu];
    print_since("yield", &start);
    print("clockwork: yields sum=%lu\n", sum);
}

/* What all virtual CPUs but the first ran. */
static uint64_t others_running(void)
{
    uint64_t sum = 0;

    for (unsigned int vcpu = 1; vcpu < smp_vcpu_count(); vcpu++)
        sum += runstate_of(vcpu).time[RUNSTATE_running];
    return sum;
}

static void job_spin(uint64_t until)
{
    uint64_t others = others_running();
    struct moment start = moment_now();

    spin_until = until;
    for (unsigned int vcpu = 1; vcpu < smp_vcpu_count(); vcpu++)
        thread_create_on(vcpu, "spin", spin, NULL);
    spin(NULL);
    print_since("spin", &start);
    if (smp_vcpu_count() > 1)
        print("clockwork: others running=%lu\n", others_running() - others);
}

static void block_until(uint64_t deadline)
{
    unsigned long masked = events_mask();

    while (clock_monotonic_ns() < deadline) {
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_mask();
    }
    events_restore(masked);
}

static void wait_singleshot(uint64_t deadline)
{
    clock_set_timer(deadline);
    block_until(deadline);
}

static void wait_set_timer(uint64_t deadline)
{
    hypercall_set_timer_op(deadline);
    block_until(deadline);
}

static void wait_poll(uint64_t deadline)
{
    struct sched_poll poll = {.timeout = deadline};

    while (clock_monotonic_ns() < deadline)
        hypercall_sched_op(SCHEDOP_poll, &poll);
}

struct lateness {
    uint64_t limit, rounds, total, longest, over; /* later than LATE_NS */
};

static void lateness_note(struct lateness *lateness, uint64_t deadline)
{
    uint64_t late = clock_monotonic_ns() - deadline;

    lateness->rounds++;
    lateness->total += late;
    lateness->over += late > LATE_NS;
    if (late > lateness->longest)
        lateness->longest = late;
}

/* Deadlines at ever other distances, so that they meet the others' slices at every point. */
static void sleep_by_deadlines(struct lateness *lateness, uint64_t until, void (*wait)(uint64_t))
{
    uint64_t longest = word_number("longest", 20000) * 1000, distance = MILLISECOND;

    while (clock_monotonic_ns() < until && lateness->rounds < lateness->limit) {
        uint64_t deadline = clock_monotonic_ns() + distance;
        wait(deadline);
        lateness_note(lateness, deadline);
        distance = distance * 5 % longest + 50000;
    }
}

/* The deadlines follow from the first: lateness that adds up would show. */
static void sleep_by_period(struct lateness *lateness, uint64_t until)
{
    struct vcpu_set_periodic_timer timer = {.period_ns = PERIOD};
    uint64_t deadline = clock_monotonic_ns() + PERIOD;

    hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer);
    for (; deadline < until && lateness->rounds < lateness->limit; deadline += PERIOD) {
        block_until(deadline);
        lateness_note(lateness, deadline);
    }
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
}

static void job_sleep(uint64_t until)
{
    struct lateness lateness = {.limit = word_number("rounds", UINT64_MAX)};
    struct moment start = moment_now();

    if (word_is("by", "periodic"))
        sleep_by_period(&lateness, until);
    else if (word_is("by", "poll"))
        sleep_by_deadlines(&lateness, until, wait_poll);
    else if (word_is("by", "set_timer"))
        sleep_by_deadlines(&lateness, until, wait_set_timer);
    else
        sleep_by_deadlines(&lateness, until, wait_singleshot);
    print("clockwork: late rounds=%lu mean=%lu longest=%lu over=%lu\n", lateness.rounds,
          lateness.total / (lateness.rounds + !lateness.rounds), lateness.longest, lateness.over);
    print_since("sleep", &start);
}

static void job_idle(uint64_t until)
{
    struct moment start = moment_now();

    sleep_until(until);
    print_since("idle", &start);
}

/* ---- events between two domains ---- */

static volatile uint64_t received;

static void note_event(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    received++;
}

static void receive_by_block(evtchn_port_t port, uint64_t count)
{
    unsigned long masked = events_mask();

    (void)port;
    while (received < count) {
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_mask();
    }
    events_restore(masked);
}

static void receive_by_poll(evtchn_port_t port, uint64_t count)
{
    struct sched_poll poll = {.nr_ports = 1};

    (void)count;
    set_xen_guest_handle(poll.ports, &port);
    while (!event_port_clear(port))
        hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* The peer's port is the one that lets us in. */
static evtchn_port_t connect(domid_t peer)
{
    evtchn_port_t port;

    for (evtchn_port_t remote = 1;; remote = remote % SCAN_PORTS + 1) {
        if (!event_bind_interdomain(peer, remote, &port))
            return port;
        if (remote == SCAN_PORTS)
            thread_sleep_ns(PERIOD);
    }
}

static void send_and_receive(evtchn_port_t port, bool first)
{
    bool by_poll = word_is("by", "poll");
    uint64_t rounds = word_number("rounds", 1000), start = clock_monotonic_ns();

    if (!by_poll)
        event_bind(port, note_event, NULL);
    for (uint64_t round = 1; round <= rounds; round++) {
        if (first)
            event_notify(port);
        if (by_poll)
            receive_by_poll(port, round);
        else
            receive_by_block(port, round);
        if (!first)
            event_notify(port);
    }
    print("clockwork: %s rounds=%lu each=%lu\n", first ? "ping" : "pong", rounds,
          rounds ? (clock_monotonic_ns() - start) / rounds : 0);
}

/* Who pongs also connects, and says so by the first event. */
static void job_ping(uint64_t until)
{
    evtchn_port_t port;

    (void)until;
    if (event_allocate_unbound((domid_t)word_number("peer", 0), &port)) {
        print("clockwork: no port\n");
        return;
    }
    receive_by_poll(port, 1);
    send_and_receive(port, true);
}

static void job_pong(uint64_t until)
{
    evtchn_port_t port = connect((domid_t)word_number("peer", 0));

    (void)until;
    event_port_clear(port);
    event_notify(port);
    send_and_receive(port, false);
}

/* ---- another clock ---- */

static uint8_t cmos_seconds(void)
{
    outb(0, CMOS_INDEX);
    return inb(CMOS_DATA);
}

static struct moment cmos_next_second(void)
{
    uint8_t before = cmos_seconds();

    while (cmos_seconds() == before)
        ;
    return moment_now();
}

static void storm(uint64_t until)
{
    struct lateness lateness = {.limit = UINT64_MAX};

    sleep_by_deadlines(&lateness, until, wait_singleshot);
}

/* From one second's beginning to another's, with a storm of timers between. */
static void job_reference(uint64_t until)
{
    struct moment start, end;

    if (io_port_start()) {
        print("clockwork: no right to ports\n");
        return;
    }
    start = cmos_next_second();
    storm(until);
    end = cmos_next_second();
    print("clockwork: reference elapsed=%lu tsc=%lu\n", end.system - start.system,
          end.tsc - start.tsc);
}

static const struct {
    const char *name;
    void (*run)(uint64_t until);
} jobs[] = {
    {"spin", job_spin}, {"yield", job_yield}, {"sleep", job_sleep},         {"idle", job_idle},
    {"ping", job_ping}, {"pong", job_pong},   {"reference", job_reference},
};

void guest_main(void)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);

    smp_up_all();
    sleep_until(word_number("from", 0) * MILLISECOND);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        if (word_is("job", jobs[i].name))
            jobs[i].run(word_number("until", 1000) * MILLISECOND);
    print("clockwork: done\n");
    if (!guest_is_initial_domain())
        WAIT_UNTIL(&nobody, false);
}
