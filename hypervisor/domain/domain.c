/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/domain.h"

#include <xen/sched.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain_table.h"
#include "hypervisor/domain/watchdog.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/io/irq.h"
#include "hypervisor/io/power.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/memory_release.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/smp.h"
#include "lib/format.h"
#include "lib/string.h"

#define WEIGHT_DEFAULT       256
#define GRANT_FRAMES_DEFAULT 64
#define MAPTRACK_DEFAULT     1024
#define MESSAGE_MAX          160

_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "a domain outgrew its frame");

struct mutex control_lock = {.guard = SPINLOCK(LOCK_LEVEL_MUTEX_GUARD),
                             .level = LOCK_LEVEL_CONTROL,
                             .waiters = {&control_lock.waiters, &control_lock.waiters}};
struct domain *domain_first;
struct domain domain_io = {.id = DOMID_IO, .reference_count = 1},
              domain_xen = {.id = DOMID_XEN, .reference_count = 1};

/* What vcpu->info and shared_info point to once a dying domain has given the real ones up. */
static struct shared_info abandoned_info __attribute__((aligned(PAGE_SIZE)));

/* Guards the table of domains against lookups; changes also hold control_lock, but for ends. */
static struct spinlock list_lock = SPINLOCK(LOCK_LEVEL_DOMAIN_LIST);

static int shared_info_create(struct domain *domain)
{
    int error = frame_allocate_shared(domain, &domain->shared_info_frame);

    if (error)
        return error;
    domain->shared_info = mfn_to_virtual(domain->shared_info_frame);
    for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        domain->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    return 0;
}

static void shared_info_release(struct domain *domain)
{
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            domain->vcpus[i]->info = &abandoned_info.vcpu_info[i];
    domain->shared_info = &abandoned_info;
    frame_release(mfn_to_frame(domain->shared_info_frame));
}

static uint32_t last_serial; /* control_lock */

int domain_create(domid_t id, unsigned vcpu_max, struct domain **result)
{
    ASSERT(mutex_held(&control_lock));
    if (vcpu_max == 0 || vcpu_max > VCPU_MAX || id >= DOMID_FIRST_RESERVED)
        return -XEN_EINVAL;
    spin_lock(&list_lock);
    bool exists = domain_table_find(id);
    spin_unlock(&list_lock);
    if (exists)
        return -XEN_EEXIST;
    struct domain *domain = frame_allocate_hypervisor(0);
    if (!domain)
        return -XEN_ENOMEM;
    domain->id = id;
    domain->serial = last_serial == UINT32_MAX ? 0 : ++last_serial;
    domain->reference_count = 1;
    domain->vcpu_max = vcpu_max;
    domain->weight = WEIGHT_DEFAULT;
    cap_init(domain);
    spinlock_init(&domain->life_lock, LOCK_LEVEL_DOMAIN);
    spinlock_init(&domain->frame_lock, LOCK_LEVEL_FRAMES);
    mutex_init(&domain->context_lock, LOCK_LEVEL_CONTEXT);
    mutex_init(&domain->mmu_lock, LOCK_LEVEL_MMU);
    int error = shared_info_create(domain);
    if (error)
        goto free_domain;
    error = event_channels_create(domain);
    if (error)
        goto release_shared_info;
    error = grant_table_create(domain, GRANT_FRAMES_DEFAULT, MAPTRACK_DEFAULT);
    if (error)
        goto free_event_channels;
    clock_update_wall(domain);
    spin_lock(&list_lock);
    error = domain_table_enter(domain);
    spin_unlock(&list_lock);
    if (error)
        goto free_grant_table;
    *result = domain;
    return 0;

free_grant_table:
    grant_table_free(domain);
free_event_channels:
    event_channels_free(domain);
release_shared_info:
    domain->reference_count++; /* the frame's own reference must not be the last one */
    shared_info_release(domain);
free_domain:
    frame_free_hypervisor(domain, 0);
    return error;
}

/* The last reference is gone: nobody knows the domain, none of its frames is left. */
static void domain_free(struct domain *domain)
{
    cap_destroy(domain);
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            vcpu_destroy(domain->vcpus[i]);
    watchdogs_free(domain);
    grant_table_free(domain);
    event_channels_free(domain);
    spin_lock(&list_lock);
    domain_table_remove(domain);
    spin_unlock(&list_lock);
    frame_free_hypervisor(domain, 0);
    event_send_global_virq(VIRQ_DOM_EXC);
}

struct domain *domain_get_by_id(domid_t id)
{
    spin_lock(&list_lock);
    struct domain *domain = domain_table_find(id);
    if (domain && !domain_get(domain))
        domain = NULL;
    spin_unlock(&list_lock);
    return domain;
}

struct domain *domain_get_next(unsigned id)
{
    struct domain *domain;

    spin_lock(&list_lock);
    /* One that is being freed is still on the list, but gives no reference. */
    while ((domain = domain_table_find_from(id)) && !domain_get(domain))
        id = domain->id + 1U;
    spin_unlock(&list_lock);
    return domain;
}

struct domain *domain_get_for(domid_t id, int *error)
{
    struct domain *domain;

    if (id == DOMID_SELF || id == current_domain()->id) {
        domain = current_domain();
        domain_get(domain);
        return domain;
    }
    domain = domain_get_by_id(id);
    *error = -XEN_ESRCH;
    if (domain && !current_domain()->privileged) {
        domain_put(domain);
        domain = NULL;
        *error = -XEN_EPERM;
    }
    return domain;
}

bool domain_get(struct domain *domain)
{
    uint32_t count = READ_ONCE(domain->reference_count);

    do {
        if (count == 0 || count == UINT32_MAX)
            return false;
    } while (!__atomic_compare_exchange_n(&domain->reference_count, &count, count + 1, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return true;
}

void domain_put(struct domain *domain)
{
    if (__atomic_sub_fetch(&domain->reference_count, 1, __ATOMIC_ACQ_REL) == 0)
        domain_free(domain);
}

void domain_pause(struct domain *domain)
{
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            vcpu_pause(domain->vcpus[i]);
}

void domain_unpause(struct domain *domain)
{
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            vcpu_unpause(domain->vcpus[i]);
}

/* The first domain's end is the machine's. */
static void first_domain_ended(uint8_t reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        printk("domain 0 shut down: powering off\n");
        machine_power_off();
    case SHUTDOWN_reboot:
        printk("domain 0 shut down: rebooting\n");
        machine_reboot();
    default:
        printk("domain 0 ended (reason %u): stopping\n", reason);
        console_take();
        smp_stop_others();
        machine_halt();
    }
}

void domain_shutdown(struct domain *domain, uint8_t reason)
{
    if (domain == domain_first)
        first_domain_ended(reason);
    spin_lock(&domain->life_lock);
    bool first_time = !domain->shut_down;
    if (first_time) {
        domain->shut_down = true;
        domain->shutdown_code = reason;
        for (unsigned i = 0; i < domain->vcpu_max; i++)
            if (domain->vcpus[i])
                vcpu_pause_async(domain->vcpus[i]);
    }
    spin_unlock(&domain->life_lock);
    if (first_time)
        event_send_global_virq(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *domain)
{
    spin_lock(&domain->life_lock);
    if (domain->shut_down) {
        domain->shut_down = false;
        for (unsigned i = 0; i < domain->vcpu_max; i++)
            if (domain->vcpus[i])
                vcpu_unpause(domain->vcpus[i]);
    }
    spin_unlock(&domain->life_lock);
}

void domain_crash(struct domain *domain, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    if (!__atomic_exchange_n(&domain->crashed_once, true, __ATOMIC_RELAXED)) {
        va_start(arguments, format);
        format_text_va(message, sizeof(message), format, arguments);
        va_end(arguments);
        const struct vcpu *vcpu = current_vcpu();
        if (vcpu->domain == domain)
            printk("d%u v%u crashed at %04x:%016lx: %s\n", domain->id, vcpu->id,
                   vcpu->stack->regs.cs, vcpu->stack->regs.rip, message);
        else
            printk("d%u crashed: %s\n", domain->id, message);
    }
    domain_shutdown(domain, SHUTDOWN_crash);
}

int domain_kill(struct domain *domain)
{
    spin_lock(&domain->life_lock);
    bool already_dying = domain->life != DOMAIN_ALIVE;
    domain->life = DOMAIN_DYING;
    spin_unlock(&domain->life_lock);
    if (already_dying)
        return 0;

    domain_pause(domain);
    event_channels_close_all(domain);
    irq_release_domain(domain);
    grant_release_mappings(domain);
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            vcpu_release_references(domain->vcpus[i]);
    memory_release_domain(domain);
    grant_table_release(domain);
    shared_info_release(domain);
    event_send_global_virq(VIRQ_DOM_EXC);
    domain_put(domain); /* the reference of being alive */
    return 0;
}
