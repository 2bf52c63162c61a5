/* SPDX-License-Identifier: MIT */
#include "pvguest/demo/fault.h"

#include <stdint.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#include "drivers/console/front.h"
#include "lib/string.h"
#include "pvguest/demo/disk.h"
#include "pvguest/demo/network.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

#define KERNEL_SLOT 511

#define say console_front_print

static void fault_null(void)
{
    __asm__ __volatile__("movl $1, (%0)" ::"r"(NULL) : "memory");
}

static void fault_undefined(void)
{
    __asm__ __volatile__("ud2");
}

static void fault_division(void)
{
    __asm__ __volatile__("divl %0" ::"r"(0), "a"(1), "d"(0) : "cc");
}

/* Take the kernel's own part out of the top-level table: the next instruction is not there. */
static void fault_page_table(void)
{
    uint64_t table = page_mfn((const void *)start_info->pt_base) << PAGE_SHIFT;
    struct mmu_update update = {.ptr = (table + KERNEL_SLOT * sizeof(uint64_t)) |
                                       MMU_NORMAL_PT_UPDATE};

    hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

static void fault_spin(void)
{
    events_mask();
    for (;;)
        processor_relax();
}

static uint64_t recurse(uint64_t depth)
{
    volatile uint64_t local = depth;

    return local == UINT64_MAX ? 0 : recurse(depth + 1) + local;
}

static void fault_stack(void)
{
    say("%llu\n", (unsigned long long)recurse(0));
}

static void fault_flood(void)
{
    for (;;)
        print("flood flood flood flood flood flood flood flood flood flood flood flood\n");
}

static void fault_console_ring(void)
{
    struct xencons_interface *ring = page_of_mfn(start_info->console.domU.mfn);

    WRITE_ONCE(ring->out_prod, ring->out_cons + UINT32_MAX / 2);
    event_notify(start_info->console.domU.evtchn);
}

static void fault_block_ring(void)
{
    if (demo_disk_there())
        block_front_corrupt(demo_disk());
}

static void fault_network_ring(void)
{
    if (demo_network() != NULL)
        network_front_corrupt(demo_network());
}

/* End with requests in flight, whose pages the device may still be writing to. */
static void fault_in_flight(void)
{
    static struct block_request requests[DEMO_REQUESTS];

    if (!demo_disk_there())
        return;
    for (unsigned int i = 0; i < DEMO_REQUESTS; i++) {
        requests[i] = (struct block_request){.operation = BLOCK_READ,
                                             .sector = i * BLOCK_FRONT_SECTORS_MAX,
                                             .count = BLOCK_FRONT_SECTORS_MAX,
                                             .buffer = page_allocate(DEMO_REQUEST_ORDER)};
        if (requests[i].buffer != NULL)
            (void)block_front_submit(demo_disk(), &requests[i]);
    }
    guest_shutdown(SHUTDOWN_crash);
}

static const struct {
    const char *name;
    void (*run)(void);
} faults[] = {
    {"null", fault_null},          {"ud", fault_undefined},         {"div", fault_division},
    {"spin", fault_spin},          {"stack", fault_stack},          {"pagetable", fault_page_table},
    {"flood", fault_flood},        {"ring", fault_block_ring},      {"console", fault_console_ring},
    {"inflight", fault_in_flight}, {"netring", fault_network_ring},
};

void demo_fault(unsigned int count, char **words)
{
    for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (count == 2 && strcmp(words[1], faults[i].name) == 0) {
            say("as you wish\n");
            console_front_drain();
            faults[i].run();
            return;
        }
    }
    say("fault");
    for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        say("%s%s", i > 0 ? "|" : " ", faults[i].name);
    say("\n");
}
