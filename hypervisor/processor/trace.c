/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/trace.h"

#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/trace_ring.h"

#define RING_ORDER_MAX 10 /* 4 MiB */
#define SUBCLASSES     0xf

bool trace_running;
static struct trace_ring *rings; /* one page, by processor             */
static struct t_info *index;     /* one page: the frames of all rings  */
static uint32_t event_mask = TRC_ALL;
static uint64_t pcpu_mask = ~0UL;

_Static_assert(PCPU_MAX * sizeof(struct trace_ring) <= PAGE_SIZE, "one page of rings");

void trace_write(uint32_t event, const uint32_t *words, unsigned count)
{
    const struct pcpu *pcpu = this_pcpu();
    uint32_t wanted = READ_ONCE(event_mask) & event;

    if ((wanted >> TRC_CLS_SHIFT) && (wanted >> TRC_SUBCLS_SHIFT & SUBCLASSES) &&
        (READ_ONCE(pcpu_mask) >> pcpu->id & 1))
        trace_ring_put(&rings[pcpu->id], event, rdtsc(), words, count);
}

static uint32_t domain_number(const struct vcpu *vcpu)
{
    return vcpu->domain ? vcpu->domain->id : DOMID_IDLE;
}

void trace_write_vcpu(uint32_t event, const struct vcpu *vcpu)
{
    const uint32_t words[] = {domain_number(vcpu), vcpu->id};
    trace_write(event, words, 2);
}

void trace_write_switch(const struct vcpu *previous, const struct vcpu *next)
{
    const uint32_t words[] = {domain_number(previous), previous->id, domain_number(next), next->id};
    trace_write(TRC_SCHED_SWITCH, words, 4);
}

void trace_write_trap(const struct cpu_user_regs *regs, uint64_t address)
{
    uint32_t rip = (uint32_t)regs->rip, rip_high = (uint32_t)(regs->rip >> 32);
    uint32_t vector = regs->entry_vector, error = regs->error_code;
    const uint32_t fault[] = {rip, rip_high, (uint32_t)address, (uint32_t)(address >> 32), error};
    const uint32_t trap[] = {rip, rip_high, vector | (error ? 0x8000 : 0) | error << 16};

    if (vector == TRAP_PAGE_FAULT)
        trace_write(TRC_PV_PAGE_FAULT | TRC_64_FLAG, fault, 5);
    else
        trace_write(TRC_PV_TRAP | TRC_64_FLAG, trap, 3);
}

/* The frames become DOMID_XEN's, which a privileged domain may map; they are never freed. */
static void share(void *address, uint32_t pages, bool read_only)
{
    for (uint32_t i = 0; i < pages; i++) {
        struct frame *frame = mfn_to_frame(virtual_to_mfn((char *)address + i * PAGE_SIZE));
        frame->owner = &domain_xen;
        frame->state = FRAME_STATE_SHARED;
        frame->flags = FRAME_FLAG_ALLOCATED | (read_only ? FRAME_FLAG_READ_ONLY : 0);
        frame->type_word = read_only ? 0 : TYPE_WORD_SHARED;
        __atomic_store_n(&frame->reference_count, 1, __ATOMIC_RELEASE);
    }
}

static unsigned order_of(uint32_t pages)
{
    return pages > 1 ? 32 - (unsigned)__builtin_clz(pages - 1) : 0;
}

static void release(void *const *memory, unsigned count, unsigned order)
{
    for (unsigned id = 0; id < count; id++)
        frame_free_hypervisor(memory[id], order);
}

/* All rings or none; what order rounds up to is used. */
static int allocate(void **memory, unsigned order)
{
    for (unsigned id = 0; id < pcpu_count; id++) {
        memory[id] = frame_allocate_hypervisor(order);
        if (!memory[id]) {
            release(memory, id, order);
            return -XEN_ENOMEM;
        }
    }
    rings = rings ? rings : frame_allocate_hypervisor(0);
    index = rings ? frame_allocate_hypervisor(0) : NULL;
    if (index)
        return 0;
    release(memory, pcpu_count, order);
    return -XEN_ENOMEM;
}

static int set_size(uint32_t pages)
{
    uint32_t first = (sizeof(struct t_info) + pcpu_count * sizeof(uint16_t) + 3) / sizeof(uint32_t);
    unsigned order = order_of(pages);
    void *memory[PCPU_MAX] = {NULL};

    if (index)
        return 1U << order == index->tbuf_size ? 0 : -XEN_EINVAL;
    if (!pages || order > RING_ORDER_MAX ||
        first + ((uint64_t)pcpu_count << order) > PAGE_SIZE / sizeof(uint32_t))
        return -XEN_EINVAL;
    int error = allocate(memory, order);
    if (error)
        return error;
    pages = 1U << order;
    index->tbuf_size = (uint16_t)pages;
    for (unsigned id = 0; id < pcpu_count; id++, first += pages) {
        trace_ring_init(&rings[id], memory[id], pages * PAGE_SIZE);
        share(memory[id], pages, false);
        index->mfn_offset[id] = (uint16_t)first;
        for (uint32_t i = 0; i < pages; i++)
            ((uint32_t *)index)[first + i] = (uint32_t)virtual_to_mfn(memory[id]).value + i;
    }
    share(index, 1, true);
    return 0;
}

static void get_info(struct xen_sysctl_tbuf_op *request)
{
    request->evt_mask = event_mask;
    request->buffer_mfn = index ? virtual_to_mfn(index).value : 0;
    request->size = index ? PAGE_SIZE : 0;
}

/* Bytes that the map does not have are zero. */
static int set_pcpu_mask(const struct xenctl_bitmap *map)
{
    uint64_t mask = 0;
    uint32_t bits = map->nr_bits < 64 ? map->nr_bits : 64;

    if (copy_from_guest(&mask, guest_ptr_of_handle(map->bitmap), (bits + 7) / 8))
        return -XEN_EFAULT;
    WRITE_ONCE(pcpu_mask, mask);
    return 0;
}

static int operate(struct xen_sysctl_tbuf_op *request)
{
    switch (request->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        get_info(request);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_cpu_mask:
        return set_pcpu_mask(&request->cpu_mask);
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
        WRITE_ONCE(event_mask, request->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_size:
        return set_size(request->size);
    case XEN_SYSCTL_TBUFOP_enable:
    case XEN_SYSCTL_TBUFOP_disable:
        if (!index)
            return -XEN_EINVAL;
        __atomic_store_n(&trace_running, request->cmd == XEN_SYSCTL_TBUFOP_enable,
                         __ATOMIC_RELEASE);
        hypercall_trace_set(request->cmd == XEN_SYSCTL_TBUFOP_enable);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

int trace_operation(struct xen_sysctl *operation)
{
    mutex_lock(&control_lock);
    int status = operate(&operation->u.tbuf_op);
    mutex_unlock(&control_lock);
    return status;
}
