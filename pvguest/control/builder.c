/* SPDX-License-Identifier: MIT */
#include "pvguest/control/builder.h"

#include <xen/errno.h>
#include <xen/grant_table.h>

#include "lib/elf.h"
#include "lib/pv_layout.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/archive.h"
#include "pvguest/control/builder_memory.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"

#define PAGES_PER_MIB 256
#define KIB_PER_MIB   1024
/* The reserved bit of EFLAGS and the interrupt flag; DR6 and DR7 as after a reset. */
#define INITIAL_RFLAGS 0x202
#define INITIAL_DR6    0xffff0ff0
#define INITIAL_DR7    0x400

struct construction {
    const struct configuration *configuration;
    const uint8_t *handle;
    const void *image, *ramdisk;
    size_t image_size, ramdisk_size;
    struct elf_kernel kernel;
    struct pv_layout layout;
    domid_t domain;
    struct builder_memory memory;
    struct builder_rings rings;
    uint64_t shared_info_mfn, grants_mfn;
};

/* --- What the configuration names is looked at before there is a domain. --- */

static int find_files(struct construction *construction)
{
    const struct configuration *configuration = construction->configuration;
    const char *missing = NULL;

    if (!archive_find(configuration->kernel, &construction->image, &construction->image_size))
        missing = configuration->kernel;
    else if (configuration->ramdisk && *configuration->ramdisk &&
             !archive_find(configuration->ramdisk, &construction->ramdisk,
                           &construction->ramdisk_size))
        missing = configuration->ramdisk;
    if (!missing)
        return 0;
    notice("%s: %s: not in the archive", configuration->name, missing);
    return -XEN_ENOENT;
}

static int plan(struct construction *construction)
{
    const struct configuration *configuration = construction->configuration;
    struct pv_layout_request request = {
        .kernel = &construction->kernel,
        .nr_pages = configuration->memory_mib * PAGES_PER_MIB,
        .initrd_size = construction->ramdisk_size,
    };
    enum pv_layout_error layout_error;
    enum elf_error elf_error =
        elf_read_kernel(construction->image, construction->image_size, &construction->kernel);

    if (elf_error != ELF_OK) {
        notice("%s: %s %s", configuration->name, configuration->kernel, elf_error_text(elf_error));
        return -XEN_ENOEXEC;
    }
    layout_error = pv_layout_compute(&request, &construction->layout);
    if (layout_error == PV_LAYOUT_OK)
        return 0;
    notice("%s: %s %s (memory=%llu)", configuration->name, configuration->kernel,
           pv_layout_error_text(layout_error), (unsigned long long)configuration->memory_mib);
    return layout_error == PV_LAYOUT_MEMORY ? -XEN_ENOMEM : -XEN_EINVAL;
}

/* Asked first, so that a domain that cannot be does not take all memory before it fails. */
static int check_free_memory(const struct construction *construction)
{
    struct xen_sysctl_physinfo machine;
    uint64_t wanted = construction->layout.nr_pages, unused;
    int status = machine_call_information(&machine);

    if (status < 0)
        return status;
    unused = machine.free_pages + machine.scrub_pages;
    if (wanted <= unused)
        return 0;
    notice("%s: not enough memory: %llu MiB wanted, %llu MiB free",
           construction->configuration->name, (unsigned long long)wanted / PAGES_PER_MIB,
           (unsigned long long)unused / PAGES_PER_MIB);
    return -XEN_ENOMEM;
}

/* --- The steps of construction, in order. --- */

static int create_domain(struct construction *construction)
{
    return domain_call_create(construction->handle,
                              (unsigned int)construction->configuration->maximum_vcpus,
                              &construction->domain);
}

static int create_vcpus(struct construction *construction)
{
    return domain_call_set_vcpus(construction->domain,
                                 (unsigned int)construction->configuration->maximum_vcpus);
}

static int limit_memory(struct construction *construction)
{
    return domain_call_set_maximum_memory(construction->domain,
                                          construction->configuration->maximum_mib * KIB_PER_MIB +
                                              BUILDER_MEMORY_SLACK_KIB);
}

static int set_share(struct construction *construction)
{
    const struct configuration *configuration = construction->configuration;

    if (!configuration->cpu_weight && !configuration->cap)
        return 0;
    return domain_call_set_share(construction->domain, (uint16_t)configuration->cpu_weight,
                                 (uint16_t)configuration->cap);
}

static int set_affinity(struct construction *construction)
{
    const struct configuration *configuration = construction->configuration;
    const struct configuration_affinity *hard = &configuration->hard, *soft = &configuration->soft;
    int status = 0;

    for (unsigned int vcpu = 0; vcpu < configuration->maximum_vcpus && status == 0; vcpu++) {
        if (vcpu < hard->count || vcpu < soft->count)
            status = domain_call_set_affinity(construction->domain, vcpu,
                                              vcpu < hard->count ? &hard->sets[vcpu] : NULL,
                                              vcpu < soft->count ? &soft->sets[vcpu] : NULL);
    }
    return status;
}

static int populate(struct construction *construction)
{
    return builder_memory_populate(&construction->memory, construction->domain,
                                   &construction->layout);
}

static int load_kernel(struct construction *construction)
{
    const struct elf_kernel *kernel = &construction->kernel;
    int status = 0;

    for (unsigned int i = 0; i < kernel->segment_count && status == 0; i++) {
        const struct elf_load_segment *segment = &kernel->segments[i];
        uint64_t offset = segment->address - kernel->virt_base;

        status = builder_memory_write(&construction->memory, offset,
                                      (const char *)construction->image + segment->file_offset,
                                      segment->file_size);
        if (status == 0)
            status = builder_memory_write(&construction->memory, offset + segment->file_size, NULL,
                                          segment->memory_size - segment->file_size);
    }
    return status;
}

static int load_ramdisk(struct construction *construction)
{
    return builder_memory_write(&construction->memory,
                                construction->layout.initrd.pfn << PAGE_SHIFT,
                                construction->ramdisk, construction->ramdisk_size);
}

static int write_map(struct construction *construction)
{
    return builder_memory_write_map(&construction->memory,
                                    construction->layout.p2m.pfn << PAGE_SHIFT);
}

static int write_tables(struct construction *construction)
{
    return builder_memory_write_tables(&construction->memory);
}

static int open_channels(struct construction *construction)
{
    struct builder_rings *rings = &construction->rings;
    int status = domain_call_allocate_channel(construction->domain, &rings->store_port);

    if (status == 0)
        status = domain_call_allocate_channel(construction->domain, &rings->console_port);
    return status;
}

static int clear_page(struct construction *construction, const struct pv_region *region)
{
    return builder_memory_write(&construction->memory, region->pfn << PAGE_SHIFT, NULL, PAGE_SIZE);
}

static int clear_pages(struct construction *construction)
{
    int status = clear_page(construction, &construction->layout.store);

    if (status == 0)
        status = clear_page(construction, &construction->layout.console);
    if (status == 0)
        status = clear_page(construction, &construction->layout.stack);
    return status;
}

static int write_start_info(struct construction *construction)
{
    const struct pv_layout *layout = &construction->layout;
    struct builder_rings *rings = &construction->rings;
    struct start_info *info = page_allocate(0);
    int status;

    if (!info)
        return -XEN_ENOMEM;
    pv_layout_start_info(layout, info);
    info->shared_info = construction->shared_info_mfn << PAGE_SHIFT;
    rings->store_mfn = builder_memory_mfn(&construction->memory, layout->store.pfn);
    rings->console_mfn = builder_memory_mfn(&construction->memory, layout->console.pfn);
    info->store_mfn = rings->store_mfn;
    info->store_evtchn = rings->store_port;
    info->console.domU.mfn = rings->console_mfn;
    info->console.domU.evtchn = rings->console_port;
    text_copy((char *)info->cmd_line, construction->configuration->command_line,
              sizeof info->cmd_line);
    status = builder_memory_write(&construction->memory, layout->start_info.pfn << PAGE_SHIFT, info,
                                  PAGE_SIZE);
    page_free(info, 0);
    return status;
}

static int find_hypervisor_pages(struct construction *construction)
{
    struct xen_domctl_getdomaininfo information;
    int status = domain_call_information(construction->domain, &information);

    construction->shared_info_mfn = information.shared_info_frame;
    return status < 0 ? status
                      : domain_call_setup_grants(construction->domain, &construction->grants_mfn);
}

/* The guest finds event delivery masked on every vcpu, as Xen's tools leave it. */
static void fill_shared_info(struct shared_info *shared)
{
    for (unsigned int vcpu = 0; vcpu < XEN_LEGACY_MAX_VCPUS; vcpu++)
        shared->vcpu_info[vcpu].evtchn_upcall_mask = 1;
}

/* So that back ends in other domains could map the first two rings as grants. */
static void fill_grants(const struct builder_rings *rings, grant_entry_v1_t *entries)
{
    entries[GNTTAB_RESERVED_CONSOLE].frame = (uint32_t)rings->console_mfn;
    entries[GNTTAB_RESERVED_CONSOLE].flags = GTF_permit_access;
    entries[GNTTAB_RESERVED_XENSTORE].frame = (uint32_t)rings->store_mfn;
    entries[GNTTAB_RESERVED_XENSTORE].flags = GTF_permit_access;
}

/* These two pages are the hypervisor's and were empty: only what differs is written. */
static int write_hypervisor_pages(struct construction *construction)
{
    const uint64_t mfns[] = {construction->shared_info_mfn, construction->grants_mfn};
    void *mapped;
    int status = foreign_map(construction->domain, mfns, 2, true, &mapped);

    if (status < 0)
        return status;
    fill_shared_info(mapped);
    fill_grants(&construction->rings, (grant_entry_v1_t *)((char *)mapped + PAGE_SIZE));
    return foreign_unmap(mapped, 2);
}

static int init_hypercall_page(struct construction *construction)
{
    const struct elf_kernel *kernel = &construction->kernel;
    uint64_t pfn;

    if (kernel->hypercall_page == ELF_NO_ADDRESS)
        return 0;
    pfn = (kernel->hypercall_page - kernel->virt_base) >> PAGE_SHIFT;
    return domain_call_init_hypercall_page(construction->domain,
                                           builder_memory_mfn(&construction->memory, pfn));
}

static uint64_t root_mfn(const struct construction *construction)
{
    return builder_memory_mfn(&construction->memory, construction->layout.tables.pfn);
}

static int pin_tables(struct construction *construction)
{
    builder_memory_close(&construction->memory);
    return domain_call_pin_tables(construction->domain, root_mfn(construction));
}

static int set_registers(struct construction *construction)
{
    const struct pv_layout *layout = &construction->layout;
    struct vcpu_guest_context *context = heap_allocate_zeroed(sizeof *context);
    int status;

    if (!context)
        return -XEN_ENOMEM;
    context->flags = VGCF_in_kernel | VGCF_online;
    context->user_regs.rip = layout->entry;
    context->user_regs.rsp = layout->stack_top;
    context->user_regs.rsi = layout->start_info.address;
    context->user_regs.rflags = INITIAL_RFLAGS;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->user_regs.ds = FLAT_KERNEL_DS;
    context->user_regs.es = FLAT_KERNEL_DS;
    context->user_regs.fs = FLAT_KERNEL_DS;
    context->user_regs.gs = FLAT_KERNEL_DS;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = layout->stack_top;
    context->ctrlreg[3] = xen_pfn_to_cr3(root_mfn(construction));
    context->debugreg[6] = INITIAL_DR6;
    context->debugreg[7] = INITIAL_DR7;
    status = domain_call_set_context(construction->domain, 0, context);
    heap_free(context);
    return status;
}

static const struct {
    int (*take)(struct construction *construction);
    const char *what;
} steps[] = {
    {create_domain, "creating the domain"}, /* all others may be undone by destroying it */
    {create_vcpus, "creating its virtual processors"},
    {set_share, "setting its share of the processors"},
    {set_affinity, "choosing processors for its vcpus"},
    {limit_memory, "setting the limit of its memory"},
    {populate, "giving it memory"},
    {load_kernel, "loading the kernel"},
    {load_ramdisk, "loading the ramdisk"},
    {write_map, "writing the pseudo-physical map"},
    {write_tables, "writing page tables"},
    {open_channels, "allocating event channels"},
    {clear_pages, "clearing the shared pages"},
    {find_hypervisor_pages, "making its grant table"},
    {write_start_info, "writing the start info page"},
    {write_hypervisor_pages, "writing shared info and grants"},
    {init_hypercall_page, "filling the hypercall page"},
    {pin_tables, "pinning page tables"},
    {set_registers, "setting the first processor's registers"},
};

static int construct(struct construction *construction)
{
    int status;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        status = steps[i].take(construction);
        if (status == 0)
            continue;
        notice("%s: %s failed: error %d", construction->configuration->name, steps[i].what, status);
        builder_memory_close(&construction->memory);
        if (i > 0)
            domain_call_destroy(construction->domain);
        return status;
    }
    return 0;
}

int builder_build(const struct configuration *configuration, const xen_domain_handle_t handle,
                  domid_t *domain, struct builder_rings *rings)
{
    struct construction *construction = heap_allocate_zeroed(sizeof *construction);
    int status;

    if (!construction)
        return -XEN_ENOMEM;
    construction->configuration = configuration;
    construction->handle = handle;
    status = find_files(construction);
    if (status == 0)
        status = plan(construction);
    if (status == 0)
        status = check_free_memory(construction);
    if (status == 0)
        status = construct(construction);
    *domain = construction->domain;
    *rings = construction->rings;
    builder_memory_forget(&construction->memory);
    heap_free(construction);
    return status;
}
