/* SPDX-License-Identifier: MIT */
/*
 * Attacks by several virtual CPUs at once: vcpus=4 in the configuration. The others run bare, on a
 * stack and without handlers, events masked; all they do is make hypercalls.
 */
#include "pvguest/hostile/attack.h"
#include "pvguest/hostile/racer.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/table.h"

#include "lib/string.h"
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define VICTIM     3
#define BATCH      4096
#define STACK_SIZE 8192
#define ROUNDS     20000

#define CODE_SEGMENT  0x00affb000000ffffUL /* of 64-bit code, ring 3 */
#define CODE_SELECTOR (2 * 8 | 3)

static struct vcpu_guest_context contexts[RACERS + 1], victim_context;
static char stacks[RACERS + 2][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t attempts, successes;
static volatile uint64_t *go; /* written by an update in the middle of a batch */

/* A vcpu that begins at a function, which never returns. */
static void context_make(struct vcpu_guest_context *context, unsigned int id,
                         void (*function)(void))
{
    memset(context, 0, sizeof(*context));
    context->flags = VGCF_in_kernel | VGCF_online;
    context->user_regs.rip = (uint64_t)function;
    context->user_regs.rsp = (uint64_t)stacks[id] + STACK_SIZE - 8;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = context->user_regs.rsp;
    context->ctrlreg[3] = xen_pfn_to_cr3(table_root_mfn());
}

static void idle_for_ever(void)
{
    for (;;)
        hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* Give the victim its registers: only one may be told that it did. */
static void initialise_victim(void)
{
    while (!*go)
        ;
    if (!hypercall_vcpu_op(VCPUOP_initialise, VICTIM, &victim_context))
        __atomic_fetch_add(&successes, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&attempts, 1, __ATOMIC_SEQ_CST);
    idle_for_ever();
}

bool racers_start(void (*function)(void))
{
    for (unsigned int id = 1; id <= RACERS; id++) {
        context_make(&contexts[id], id, function);
        if (hypercall_vcpu_op(VCPUOP_initialise, id, &contexts[id]) ||
            (hypercall_vcpu_op(VCPUOP_is_up, id, NULL) != 1 &&
             hypercall_vcpu_op(VCPUOP_up, id, NULL)))
            return false;
    }
    return true;
}

/*
 * Two initialise a third while a fourth keeps the lock of the page tables busy, so that both are
 * past whatever is looked at before it. The second would take the table from under a running vcpu.
 */
static bool initialise_race(void)
{
    static struct mmu_update updates[BATCH];

    go = page_allocate(0);
    for (unsigned int i = 0; i < BATCH; i++)
        updates[i] = (struct mmu_update){page_mfn((void *)go) << PAGE_SHIFT, i >= BATCH / 8};
    context_make(&victim_context, VICTIM, idle_for_ever);
    if (hypercall_vcpu_op(VCPUOP_is_up, VICTIM, NULL) < 0 || !racers_start(initialise_victim))
        return false; /* needs four vcpus */
    while (attempts < RACERS)
        hypercall_mmu_update(updates, BATCH, NULL, DOMID_SELF);
    return successes == 1;
}

/* What the flipping vcpu makes of the request, turn by turn. */
static struct mmu_update request;
static uint64_t harmless, wicked;

static void flip_request(void)
{
    for (;;) {
        *(volatile uint64_t *)&request.val = harmless;
        *(volatile uint64_t *)&request.val = wicked;
    }
}

/*
 * A page-table entry that changes while it is looked at: an own page at one moment, the level-4
 * table, writable, at the next. Only what was checked may be what is stored.
 */
static bool request_race(void)
{
    char *place = window_reserve(1);
    bool held = true;

    harmless = page_mfn(page_allocate(0)) << PAGE_SHIFT | PTE_DATA;
    wicked = table_root_mfn() << PAGE_SHIFT | PTE_DATA;
    if (table_entry_address((uint64_t)place, true, &request.ptr) || !racers_start(flip_request))
        return false;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        hypercall_mmu_update(&request, 1, NULL, DOMID_SELF);
        uint64_t entry = table_entry((uint64_t)place);
        held &= !(entry & PTE_PRESENT) || !((entry ^ harmless) & PTE_FRAME_MASK);
    }
    return held;
}

/* Two close and bind the ports that a third signals. */
static void ports_churn(void)
{
    for (;;) {
        struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
        struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
        struct evtchn_close close = {.port = 0};

        if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound))
            continue;
        bind.remote_port = unbound.port;
        hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
        close.port = unbound.port;
        hypercall_event_channel_op(EVTCHNOP_close, &close);
        close.port = bind.local_port;
        hypercall_event_channel_op(EVTCHNOP_close, &close);
    }
}

static bool port_race(void)
{
    if (!racers_start(ports_churn))
        return false;
    /* Each waits its turn for the one lock, which a busy host makes long. */
    for (unsigned int i = 0; i < ROUNDS / 10; i++) {
        struct evtchn_send send = {.port = i % 16};
        struct evtchn_status status = {.dom = DOMID_SELF, .port = i % 16};

        hypercall_event_channel_op(EVTCHNOP_send, &send);
        hypercall_event_channel_op(EVTCHNOP_status, &status);
    }
    return true;
}

/* A code segment of the guest's own, and how many run in it. */
static uint64_t *segments;
static volatile uint32_t inside;

static void run_in_segment(void)
{
    xen_pfn_t frame = page_mfn(segments);

    hypercall_set_gdt(&frame, TABLE_ENTRIES);
    __asm__ __volatile__("movq %%rsp, %%rax\n"
                         "pushq %[ss]\n"
                         "pushq %%rax\n"
                         "pushfq\n"
                         "pushq %[cs]\n"
                         "leaq 1f(%%rip), %%rax\n"
                         "pushq %%rax\n"
                         "iretq\n"
                         "1: lock incl %[inside]\n"
                         "2: pause\n"
                         "jmp 2b"
                         : [inside] "+m"(inside)
                         : [ss] "i"(FLAT_KERNEL_SS), [cs] "i"(CODE_SELECTOR)
                         : "rax", "memory");
}

/* Nothing that interrupts them can go back to a segment that was taken away meanwhile. */
static bool segment_gone(void)
{
    uint64_t place;

    segments = page_allocate(0);
    place = (page_mfn(segments) << PAGE_SHIFT) + CODE_SELECTOR / 8 * sizeof(uint64_t);
    segments[CODE_SELECTOR / 8] = CODE_SEGMENT;
    table_protect(segments);
    if (!racers_start(run_in_segment))
        return false;
    while (inside < RACERS)
        hypercall_sched_op(SCHEDOP_yield, NULL);
    if (hypercall_update_descriptor(place, 0))
        return false;
    print("hostile: the segment is gone\n");
    idle_for_ever();
    return false;
}

/* Tables of level 3 and 2 of a region that nobody else uses, two of level 1, and what they map. */
static uint64_t *level3, *level2, *level1[2], *mapped;

#define REGION_SLOT    300UL
#define REGION_ADDRESS (0xffffUL << 48 | REGION_SLOT << 39)

static uint64_t entry_place(const uint64_t *table, unsigned int slot)
{
    return (page_mfn(table) << PAGE_SHIFT) + slot * sizeof(uint64_t);
}

static int entry_set(uint64_t place, const uint64_t *page, uint64_t flags)
{
    struct mmu_update update = {place, page ? page_mfn(page) << PAGE_SHIFT | flags : 0};

    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

/* By machine address in tables that may be none at the moment, and by linear address. */
static void entries_churn(void)
{
    for (unsigned int i = 0;; i++) {
        const uint64_t *page = i & 8 ? mapped : NULL;
        uint64_t value = page ? page_mfn(page) << PAGE_SHIFT | PTE_DATA : 0;

        entry_set(entry_place(level1[i / 64 & 1], i / 16 % TABLE_ENTRIES), page, PTE_DATA);
        hypercall_update_va_mapping(REGION_ADDRESS + i / 16 % TABLE_ENTRIES * PAGE_SIZE, value,
                                    UVMF_INVLPG | UVMF_LOCAL);
    }
}

/* Tables come and go, at every level, under vcpus that change their entries all the time. */
static bool tables_race(void)
{
    uint64_t root = (table_root_mfn() << PAGE_SHIFT) + REGION_SLOT * sizeof(uint64_t);
    bool held = true;

    mapped = page_allocate(0);
    level3 = page_allocate(0);
    level2 = page_allocate(0);
    for (unsigned int i = 0; i < 2; i++) {
        level1[i] = page_allocate(0);
        held &= !table_protect(level1[i]);
    }
    held &= !table_protect(level3) && !table_protect(level2);
    if (!held || !racers_start(entries_churn))
        return false;
    for (unsigned int i = 0; i < ROUNDS / 20; i++) {
        uint64_t *plain = level1[i & 1];
        struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = page_mfn(plain)};
        struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = page_mfn(plain)};

        held &= !hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
        held &= !entry_set(root, level3, PTE_TABLE);
        held &= !entry_set(entry_place(level3, 0), level2, PTE_TABLE);
        held &= !entry_set(entry_place(level2, 0), plain, PTE_TABLE);
        held &= !entry_set(entry_place(level2, 0), level1[~i & 1], PTE_TABLE);
        held &= !hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
        held &= !table_unprotect(plain); /* it is no table any more, */
        WRITE_ONCE(plain[i % TABLE_ENTRIES], page_mfn(mapped) << PAGE_SHIFT | PTE_DATA);
        held &= !table_protect(plain); /* but will be again */
        held &= !entry_set(i & 2 ? root : entry_place(level3, 0), NULL, 0);
    }
    return held;
}

const struct attack vcpu_attacks[] = {
    {"tables-race", REFUSED, tables_race},         {"segment-gone", FOR_EVER, segment_gone},
    {"request-race", REFUSED, request_race},       {"port-race", REFUSED, port_race},
    {"initialise-race", REFUSED, initialise_race}, {NULL, REFUSED, NULL},
};
