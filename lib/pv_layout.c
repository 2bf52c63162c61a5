/* SPDX-License-Identifier: MIT */
#include "lib/pv_layout.h"

#include "lib/string.h"
#include "lib/text.h"

#define PAGE_SHIFT     12
#define PAGE_SIZE      (UINT64_C(1) << PAGE_SHIFT)
#define TABLE_SHIFT    9 /* entries per table, as a power of two */
#define ADDRESS_BITS   48
#define MAPPING_STEP   (UINT64_C(4 << 20) >> PAGE_SHIFT)
#define SLACK_MINIMUM  (UINT64_C(512 << 10) >> PAGE_SHIFT)
#define NR_PAGES_MAX   (UINT64_C(1) << 32)
#define MAPPING_MAX    (UINT64_C(1) << 35) /* pages in one half of the address space */
#define P2M_ENTRY_SIZE sizeof(uint64_t)

/* A virtual page number keeps the 36 bits that select page-table entries. */
static uint64_t page_number(uint64_t address)
{
    return (address & ((UINT64_C(1) << ADDRESS_BITS) - 1)) >> PAGE_SHIFT;
}

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes >> PAGE_SHIFT) + ((bytes & (PAGE_SIZE - 1)) != 0);
}

static const char *const error_texts[PV_LAYOUT_ERROR_COUNT] = {
    [PV_LAYOUT_OK] = "fits",
    [PV_LAYOUT_MEMORY] = "does not fit into the domain's memory",
    [PV_LAYOUT_TOO_LARGE] = "is given more memory than a domain can have",
    [PV_LAYOUT_ADDRESS] = "does not fit into the address space at its virtual base",
    [PV_LAYOUT_RESERVED] = "overlaps the address range reserved for the hypervisor",
    [PV_LAYOUT_P2M] = "wants its pseudo-physical map where something else lies",
};

const char *pv_layout_error_text(enum pv_layout_error error)
{
    return (unsigned)error < PV_LAYOUT_ERROR_COUNT ? error_texts[error] : "has an unknown error";
}

/* Take the next pages of the mapping. */
static struct pv_region next_region(struct pv_layout *layout, uint64_t pages)
{
    struct pv_region *mapping = &layout->mapping;
    struct pv_region region = {.pfn = mapping->pages, .pages = pages};
    if (pages > 0)
        region.address = mapping->address + (mapping->pages << PAGE_SHIFT);
    mapping->pages += pages;
    return region;
}

/* Take pages behind the mapping, not mapped in it. */
static struct pv_region outer_region(struct pv_layout *layout, uint64_t pages)
{
    struct pv_region region = {.pfn = layout->pages_needed, .pages = pages};
    layout->pages_needed += pages;
    return region;
}

/* The tables of one level that `pages` pages from `first` on need. */
static struct pv_tables tables_for(uint64_t first, uint64_t pages, unsigned level)
{
    uint64_t from = first >> (TABLE_SHIFT * level);
    uint64_t last = (first + pages - 1) >> (TABLE_SHIFT * level);
    return (struct pv_tables){.first = from, .count = last - from + 1};
}

/*
 * Where the mapping ends if the boot stack ends `pages` behind its beginning: a domain smaller than
 * the step is mapped whole instead.
 */
static uint64_t mapping_pages(uint64_t base, uint64_t pages, uint64_t limit)
{
    if (limit < MAPPING_STEP && pages + SLACK_MINIMUM <= limit)
        return limit;
    uint64_t stack_end = base + pages;
    uint64_t end = (stack_end + MAPPING_STEP - 1) & ~(MAPPING_STEP - 1);
    if (end - stack_end < SLACK_MINIMUM)
        end += MAPPING_STEP;
    return end - base;
}

static uint64_t count_tables(uint64_t base, uint64_t pages)
{
    uint64_t count = 0;
    for (unsigned level = 1; level <= PV_LAYOUT_LEVELS; level++)
        count += tables_for(base, pages, level).count;
    return count;
}

/*
 * Place page tables and boot stack. The tables lie in the mapping that they map, so their number
 * is the smallest that suffices for a mapping with that many tables in it.
 */
static void place_tables(struct pv_layout *layout, uint64_t base)
{
    uint64_t limit = layout->nr_pages, count = 0, needed = 0;
    do {
        count = needed;
        needed = count_tables(base, mapping_pages(base, layout->mapping.pages + count + 1, limit));
    } while (needed != count);

    layout->tables = next_region(layout, count);
    layout->stack = next_region(layout, 1);
    layout->stack_top = layout->stack.address + PAGE_SIZE;
    layout->mapping.pages = mapping_pages(base, layout->mapping.pages, limit);
}

/* Give each table of the mapping its frame, the level-4 table first. */
static void number_tables(struct pv_layout *layout, uint64_t base)
{
    uint64_t pfn = layout->tables.pfn;
    for (unsigned level = PV_LAYOUT_LEVELS; level >= 1; level--) {
        struct pv_tables *tables = &layout->levels[0][level - 1];
        *tables = tables_for(base, layout->mapping.pages, level);
        tables->pfn = pfn;
        pfn += tables->count;
    }
    layout->table_count = pfn - layout->tables.pfn;
}

/*
 * Tables of one level that the map needs beyond those of the mapping. The two ranges are
 * disjoint, so they share a table at most at one end.
 */
static struct pv_tables further_tables(const struct pv_layout *layout, unsigned level)
{
    const struct pv_tables *shared = &layout->levels[0][level - 1];
    struct pv_tables tables =
        tables_for(page_number(layout->p2m.address), layout->p2m.pages, level);
    uint64_t last = tables.first + tables.count - 1;
    uint64_t shared_last = shared->first + shared->count - 1;
    if (tables.first >= shared->first && tables.first <= shared_last)
        tables.first = shared_last + 1;
    if (last >= shared->first && last <= shared_last)
        last = shared->first - 1;
    tables.count = last + 1 > tables.first ? last + 1 - tables.first : 0;
    return tables;
}

static void number_p2m_tables(struct pv_layout *layout)
{
    uint64_t first = layout->pages_needed;
    for (unsigned level = PV_LAYOUT_LEVELS; level >= 1; level--) {
        struct pv_tables *tables = &layout->levels[1][level - 1];
        *tables = further_tables(layout, level);
        tables->pfn = outer_region(layout, tables->count).pfn;
    }
    layout->p2m_tables = (struct pv_region){.pfn = first, .pages = layout->pages_needed - first};
    layout->table_count += layout->p2m_tables.pages;
}

/* A range of virtual pages stays in its half and clear of the hypervisor's. */
static enum pv_layout_error check_range(uint64_t address, uint64_t pages)
{
    uint64_t first = page_number(address);
    uint64_t half_end = first < MAPPING_MAX ? MAPPING_MAX : 2 * MAPPING_MAX;
    uint64_t canonical = (uint64_t)((int64_t)(address << 16) >> 16);
    if (canonical != address || pages > half_end - first)
        return PV_LAYOUT_ADDRESS;
    if (first < page_number(HYPERVISOR_VIRT_END) &&
        first + pages > page_number(HYPERVISOR_VIRT_START))
        return PV_LAYOUT_RESERVED;
    return PV_LAYOUT_OK;
}

static enum pv_layout_error place_p2m(struct pv_layout *layout, uint64_t address, uint64_t pages)
{
    enum pv_layout_error error = check_range(address, pages);
    if (error != PV_LAYOUT_OK)
        return error;
    uint64_t first = page_number(address);
    uint64_t base = page_number(layout->mapping.address);
    if (first < base + layout->mapping.pages && base < first + pages)
        return PV_LAYOUT_P2M;
    layout->p2m = outer_region(layout, pages);
    layout->p2m.address = address;
    number_p2m_tables(layout);
    return PV_LAYOUT_OK;
}

/* With this, no sum of page counts below can overflow, however large the initrd. */
static enum pv_layout_error check_request(const struct pv_layout_request *request)
{
    const struct elf_kernel *kernel = request->kernel;
    if (request->nr_pages > NR_PAGES_MAX)
        return PV_LAYOUT_TOO_LARGE;
    if (kernel->end <= kernel->virt_base || kernel->start < kernel->virt_base)
        return PV_LAYOUT_ADDRESS;
    return check_range(kernel->virt_base, pages_of(kernel->end - kernel->virt_base));
}

/* Everything in the mapping, in Xen's order. */
static void place_mapped(const struct pv_layout_request *request, struct pv_layout *layout)
{
    const struct elf_kernel *kernel = request->kernel;
    uint64_t base = page_number(kernel->virt_base);
    uint64_t kernel_pfn = (kernel->start - kernel->virt_base) >> PAGE_SHIFT;
    bool own_p2m = kernel->init_p2m != ELF_NO_ADDRESS;
    uint64_t magic_pages = request->initial_domain ? 0 : 1;

    layout->mapping = (struct pv_region){.address = kernel->virt_base, .pages = kernel_pfn};
    layout->kernel = next_region(layout, pages_of(kernel->end - kernel->virt_base) - kernel_pfn);
    if (!kernel->initrd_unmapped)
        layout->initrd = next_region(layout, pages_of(request->initrd_size));
    if (!own_p2m)
        layout->p2m = next_region(layout, pages_of(request->nr_pages * P2M_ENTRY_SIZE));
    layout->start_info = next_region(layout, 1);
    layout->store = next_region(layout, magic_pages);
    layout->console = next_region(layout, magic_pages);
    place_tables(layout, base);
}

enum pv_layout_error pv_layout_compute(const struct pv_layout_request *request,
                                       struct pv_layout *layout)
{
    const struct elf_kernel *kernel = request->kernel;
    memset(layout, 0, sizeof(*layout));
    enum pv_layout_error error = check_request(request);
    if (error != PV_LAYOUT_OK)
        return error;

    layout->nr_pages = request->nr_pages;
    layout->initrd_size = request->initrd_size;
    layout->entry = kernel->entry;
    place_mapped(request, layout);
    number_tables(layout, page_number(kernel->virt_base));
    layout->pages_needed = layout->mapping.pages;
    if (kernel->initrd_unmapped)
        layout->initrd = outer_region(layout, pages_of(request->initrd_size));
    if (kernel->init_p2m != ELF_NO_ADDRESS && request->nr_pages > 0)
        error = place_p2m(layout, kernel->init_p2m, pages_of(request->nr_pages * P2M_ENTRY_SIZE));
    if (layout->pages_needed > request->nr_pages)
        return PV_LAYOUT_MEMORY;
    return error != PV_LAYOUT_OK ? error : check_range(kernel->virt_base, layout->mapping.pages);
}

bool pv_layout_table(const struct pv_layout *layout, uint64_t number, struct pv_table *table)
{
    for (unsigned range = 0; range < 2; range++) {
        for (unsigned level = PV_LAYOUT_LEVELS; level >= 1; level--) {
            const struct pv_tables *tables = &layout->levels[range][level - 1];
            if (number < tables->count) {
                table->level = level;
                table->pfn = tables->pfn + number;
                table->index = tables->first + number;
                return true;
            }
            number -= tables->count;
        }
    }
    return false;
}

static bool inside_region(const struct pv_region *region, uint64_t pfn)
{
    return pfn >= region->pfn && pfn - region->pfn < region->pages;
}

bool pv_layout_run(const struct pv_layout *layout, const struct pv_table *table, unsigned number,
                   struct pv_run *run)
{
    const struct pv_region *region = number ? &layout->p2m : &layout->mapping;
    uint64_t begin = table->index << TABLE_SHIFT, end = begin + (1 << TABLE_SHIFT);
    uint64_t first = page_number(region->address), count = region->pages, pfn = region->pfn;
    if (table->level > 1) {
        const struct pv_tables *below = &layout->levels[number][table->level - 2];
        first = below->first;
        count = below->count;
        pfn = below->pfn;
    }
    uint64_t from = first > begin ? first : begin;
    uint64_t to = first + count < end ? first + count : end;
    if (from >= to)
        return false;
    *run = (struct pv_run){
        .first = (unsigned)(from - begin),
        .count = (unsigned)(to - from),
        .pfn = pfn + (from - first),
    };
    return true;
}

bool pv_layout_writable(const struct pv_layout *layout, unsigned level, uint64_t pfn)
{
    return level > 1 ||
           (!inside_region(&layout->tables, pfn) && !inside_region(&layout->p2m_tables, pfn));
}

bool pv_layout_entry(const struct pv_layout *layout, const struct pv_table *table, unsigned index,
                     struct pv_entry *entry)
{
    struct pv_run run;
    for (unsigned number = 0; number < PV_LAYOUT_RUNS; number++) {
        if (!pv_layout_run(layout, table, number, &run) || index - run.first >= run.count)
            continue;
        entry->pfn = run.pfn + (index - run.first);
        entry->writable = pv_layout_writable(layout, table->level, entry->pfn);
        return true;
    }
    return false;
}

void pv_layout_start_info(const struct pv_layout *layout, struct start_info *info)
{
    text_copy(info->magic, "xen-3.0-x86_64", sizeof(info->magic));
    info->nr_pages = layout->nr_pages;
    info->pt_base = layout->tables.address;
    info->nr_pt_frames = layout->tables.pages;
    info->mfn_list = layout->p2m.address;
    if (layout->p2m_tables.pages > 0) {
        info->first_p2m_pfn = layout->p2m.pfn;
        info->nr_p2m_frames = layout->p2m.pages + layout->p2m_tables.pages;
    }
    if (layout->initrd.pages > 0) {
        info->mod_start = layout->initrd.address ? layout->initrd.address : layout->initrd.pfn;
        info->mod_len = layout->initrd_size;
        if (layout->initrd.address == 0)
            info->flags |= SIF_MOD_START_PFN;
    }
}
