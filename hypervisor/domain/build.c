/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/build.h"

#include "boot/boot_info.h"
#include "hypervisor/dispatcher/hypercall_page.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/elf.h"
#include "lib/pv_layout.h"
#include "lib/string.h"
#include "lib/text.h"

#define MODULE_KERNEL     0
#define MODULE_INITRD     1
#define DEFAULT_PAGES_MAX (1UL << 18) /* 1 GiB */
#define ALLOCATION_ORDER  9

/* Everything that the steps below share. */
struct first_domain {
    struct domain *domain;
    struct elf_kernel kernel;
    struct pv_layout layout;
    uint64_t pages;
    uint64_t *frames; /* machine frame of each pfn; temporary */
    unsigned frames_order;
};

static void *page_of(const struct first_domain *first, uint64_t pfn)
{
    return mfn_to_virtual(mfn(first->frames[pfn]));
}

/* Bytes into the domain at a virtual address of the initial mapping. */
static void domain_write(const struct first_domain *first, uint64_t address, const void *data,
                         uint64_t size)
{
    uint64_t offset = address - first->kernel.virt_base;

    while (size > 0) {
        uint64_t in_page = offset & (PAGE_SIZE - 1);
        uint64_t part = PAGE_SIZE - in_page < size ? PAGE_SIZE - in_page : size;
        memcpy((char *)page_of(first, offset >> PAGE_SHIFT) + in_page, data, part);
        data = (const char *)data + part;
        offset += part;
        size -= part;
    }
}

static uint64_t module_size(unsigned index)
{
    if (index >= boot_info.module_count)
        return 0;
    return boot_info.modules[index].end - boot_info.modules[index].start;
}

static const void *module_data(unsigned index)
{
    return (const void *)(DIRECT_MAP_VIRT + boot_info.modules[index].start);
}

/* dom0_mem=SIZE as Xen has it (plain number: KiB); else half of what is free, at most 1 GiB. */
static uint64_t pages_wanted(void)
{
    char text[32];
    const char *cursor = text;
    uint64_t bytes;

    if (text_option(boot_info.command_line, "dom0_mem", text, sizeof(text)) &&
        text_parse_size(&cursor, &bytes) && *cursor == '\0') {
        bool plain = cursor > text && cursor[-1] >= '0' && cursor[-1] <= '9';
        return (plain ? bytes << 10 : bytes) >> PAGE_SHIFT;
    }
    uint64_t half = frame_free_count() / 2;
    return half < DEFAULT_PAGES_MAX ? half : DEFAULT_PAGES_MAX;
}

static unsigned vcpus_wanted(void)
{
    uint64_t count = text_option_unsigned(boot_info.command_line, "dom0_max_vcpus", pcpu_count);

    if (count == 0)
        count = 1;
    return count < VCPU_MAX ? (unsigned)count : VCPU_MAX;
}

static int refuse(const char *reason)
{
    printk("module 1 (the first domain's kernel) %s\n", reason);
    return -XEN_EINVAL;
}

static int read_kernel(struct first_domain *first)
{
    if (boot_info.module_count == 0) {
        printk("no module: the first domain's kernel must be given as first module\n");
        return -XEN_ENOENT;
    }
    enum elf_error error =
        elf_read_kernel(module_data(MODULE_KERNEL), module_size(MODULE_KERNEL), &first->kernel);
    if (error != ELF_OK)
        return refuse(elf_error_text(error));
    if (!first->kernel.may_be_initial)
        return refuse("says in its notes that it cannot be the first domain");
    return 0;
}

static int compute_layout(struct first_domain *first)
{
    first->pages = pages_wanted();
    struct pv_layout_request request = {
        .kernel = &first->kernel,
        .nr_pages = first->pages,
        .initrd_size = module_size(MODULE_INITRD),
        .initial_domain = true,
    };
    enum pv_layout_error error = pv_layout_compute(&request, &first->layout);
    if (error == PV_LAYOUT_MEMORY) {
        printk("module 1 (the first domain's kernel) needs at least %lu KiB of memory, dom0_mem "
               "allows %lu KiB\n",
               first->layout.pages_needed * 4, first->pages * 4);
        return -XEN_ENOMEM;
    }
    return error == PV_LAYOUT_OK ? 0 : refuse(pv_layout_error_text(error));
}

static int too_little_memory(const struct first_domain *first)
{
    printk("too little memory: the first domain is to have %lu KiB, %lu KiB are free\n",
           first->pages * 4, frame_free_count() * 4);
    return -XEN_ENOMEM;
}

/* All frames of the domain, in pieces as large as there are. */
static int allocate_memory(struct first_domain *first)
{
    while ((PAGE_SIZE / sizeof(uint64_t)) << first->frames_order < first->pages)
        first->frames_order++;
    first->frames = frame_allocate_hypervisor(first->frames_order);
    if (!first->frames || first->pages > frame_free_count())
        return too_little_memory(first);
    first->domain->frame_max = first->pages;

    unsigned order = ALLOCATION_ORDER;
    for (uint64_t pfn = 0; pfn < first->pages;) {
        mfn_t start;
        while (pfn + (1UL << order) > first->pages)
            order--;
        if (frame_allocate_first_domain(first->domain, order, &start)) {
            if (order == 0)
                return too_little_memory(first);
            order--;
            continue;
        }
        for (uint64_t i = 0; i < 1UL << order; i++, pfn++) {
            first->frames[pfn] = start.value + i;
            m2p_set(mfn(start.value + i), pfn);
        }
    }
    return 0;
}

static bool in_region(const struct pv_region *region, uint64_t pfn)
{
    return pfn >= region->pfn && pfn - region->pfn < region->pages;
}

/* All that the kernel is told of is zero unless something is written there; the rest is its own. */
static void clear_layout(const struct first_domain *first)
{
    const struct pv_layout *layout = &first->layout;

    for (uint64_t pfn = 0; pfn < layout->pages_needed; pfn++)
        if (!in_region(&layout->initrd, pfn) && !in_region(&layout->p2m, pfn))
            memset(page_of(first, pfn), 0, PAGE_SIZE);
}

static void load_kernel(const struct first_domain *first)
{
    const char *image = module_data(MODULE_KERNEL);

    for (unsigned i = 0; i < first->kernel.segment_count; i++) {
        const struct elf_load_segment *segment = &first->kernel.segments[i];
        domain_write(first, segment->address, image + segment->file_offset, segment->file_size);
    }
    if (first->kernel.hypercall_page != ELF_NO_ADDRESS)
        hypercall_page_fill(
            page_of(first, (first->kernel.hypercall_page - first->kernel.virt_base) >> PAGE_SHIFT));
}

static void load_initrd(const struct first_domain *first)
{
    const char *data = module_size(MODULE_INITRD) ? module_data(MODULE_INITRD) : NULL;
    uint64_t size = module_size(MODULE_INITRD);

    for (uint64_t page = 0; page < first->layout.initrd.pages; page++) {
        uint64_t part = size < PAGE_SIZE ? size : PAGE_SIZE;
        char *target = page_of(first, first->layout.initrd.pfn + page);
        memcpy(target, data, part);
        memset(target + part, 0, PAGE_SIZE - part);
        data += part;
        size -= part;
    }
}

/* The pseudo-physical map: the machine frame of each pfn. */
static void write_p2m(const struct first_domain *first)
{
    const uint64_t per_page = PAGE_SIZE / sizeof(uint64_t);

    for (uint64_t page = 0; page < first->layout.p2m.pages; page++) {
        uint64_t *entries = page_of(first, first->layout.p2m.pfn + page);
        for (uint64_t i = 0; i < per_page; i++) {
            uint64_t pfn = page * per_page + i;
            entries[i] = pfn < first->pages ? first->frames[pfn] : ~0UL;
        }
    }
}

static void write_page_tables(const struct first_domain *first)
{
    struct pv_table table;
    struct pv_entry entry;

    for (uint64_t number = 0; pv_layout_table(&first->layout, number, &table); number++) {
        uint64_t *entries = page_of(first, table.pfn);
        for (unsigned i = 0; i < PAGE_SIZE / sizeof(uint64_t); i++) {
            if (!pv_layout_entry(&first->layout, &table, i, &entry))
                continue;
            entries[i] = mfn_to_physical(mfn(first->frames[entry.pfn])) | PTE_PRESENT | PTE_USER |
                         PTE_ACCESSED | PTE_DIRTY | (entry.writable ? PTE_WRITABLE : 0);
        }
    }
}

static void write_start_info(const struct first_domain *first)
{
    struct start_info *info = page_of(first, first->layout.start_info.pfn);

    pv_layout_start_info(&first->layout, info);
    info->shared_info = mfn_to_physical(first->domain->shared_info_frame);
    info->flags |= SIF_PRIVILEGED | SIF_INITDOMAIN;
    text_copy((char *)info->cmd_line, boot_info.modules[MODULE_KERNEL].command_line,
              sizeof(info->cmd_line));
}

/* rip, rsp, rsi as the ABI has them for a new kernel (xen/arch-x86/xen-x86_64.h, xen.h). */
static int start_vcpu(const struct first_domain *first)
{
    static struct vcpu_guest_context context;
    struct vcpu *vcpu = first->domain->vcpus[0];
    struct pv_table top;

    pv_layout_table(&first->layout, 0, &top);
    context.user_regs.rip = first->layout.entry;
    context.user_regs.rsp = first->layout.stack_top;
    context.user_regs.rsi = first->layout.start_info.address;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = first->layout.stack_top;
    context.flags = VGCF_in_kernel | VGCF_online;
    context.ctrlreg[3] = xen_pfn_to_cr3(first->frames[top.pfn]);
    int error = vcpu_set_context(vcpu, &context);
    if (error)
        return error;
    mutex_lock(&first->domain->mmu_lock);
    error = frame_pin(mfn_to_frame(vcpu->kernel_table), first->domain, FRAME_TYPE_L4);
    mutex_unlock(&first->domain->mmu_lock);
    clock_update_vcpu(vcpu);
    return error;
}

static int create_vcpus(struct domain *domain)
{
    for (unsigned id = 0; id < domain->vcpu_max; id++) {
        struct vcpu *vcpu;
        int error = vcpu_create(domain, id, &vcpu);
        if (error)
            return error;
    }
    return 0;
}

static int create_domain(struct first_domain *first)
{
    mutex_lock(&control_lock);
    int error = domain_create(0, vcpus_wanted(), &first->domain);
    mutex_unlock(&control_lock);
    if (error)
        return error;
    first->domain->privileged = true;
    first->domain->io_ports_all = true;
    domain_first = first->domain;
    return create_vcpus(first->domain);
}

static void free_modules(void)
{
    for (unsigned i = 0; i < boot_info.module_count; i++)
        map_release_module(i);
}

int build_first_domain(void)
{
    static struct first_domain first;
    int error = read_kernel(&first);

    if (!error)
        error = compute_layout(&first);
    if (error)
        return error;
    error = create_domain(&first);
    if (error) {
        printk("cannot create the first domain (error %d)\n", error);
        return error;
    }
    error = allocate_memory(&first);
    if (error)
        return error;
    clear_layout(&first);
    load_kernel(&first);
    load_initrd(&first);
    write_p2m(&first);
    write_page_tables(&first);
    write_start_info(&first);
    error = start_vcpu(&first);
    if (error) {
        printk("the first domain's page tables or registers are refused (error %d)\n", error);
        return error;
    }
    free_modules();
    frame_free_hypervisor(first.frames, first.frames_order);
    printk("domain 0: %lu MiB, %u virtual CPUs, kernel %s %s\n", first.pages >> 8,
           first.domain->vcpu_max, first.kernel.guest_os, first.kernel.guest_version);
    first.domain->creation_finished = true;
    vcpu_clear_wait(first.domain->vcpus[0], VCPU_WAIT_DOWN);
    return 0;
}
