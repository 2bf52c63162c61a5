/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/map.h"

#include "boot/boot_info.h"
#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/map_entry.h"
#include "hypervisor/processor/lock.h"
#include "hypervisor/processor/tlb.h"
#include "lib/string.h"

#define RAM_MASK      (1U << 1)
#define FIRMWARE_MASK (1U << 1 | 1U << 2 | 1U << 3 | 1U << 4)
#define LOW_END       0x100000
#define ORDER_STACK   1 /* one more with as much behind it */

extern const char syscall_stub_page[];

static struct spinlock map_lock = SPINLOCK(LOCK_LEVEL_MAP);
static uint64_t stack_slots[STACK_SLOTS / 64]; /* bit set = in use; map_lock */
static uint64_t device_used;                   /* bytes of the device area; map_lock */

void map_install_slots(uint64_t *level4)
{
    const uint64_t *own = mfn_to_virtual(hypervisor_table);

    memcpy(level4 + HYPERVISOR_SLOT_FIRST, own + HYPERVISOR_SLOT_FIRST,
           HYPERVISOR_SLOT_COUNT * sizeof(*level4));
}

static uint64_t stack_address(unsigned slot)
{
    return STACK_AREA_VIRT + (uint64_t)slot * STACK_SLOT_SIZE + STACK_SIZE;
}

/* A free slot, marked as used; STACK_SLOTS if there is none. */
static unsigned stack_slot_take(void)
{
    unsigned slot = STACK_SLOTS;

    spin_lock(&map_lock);
    for (unsigned word = 0; word < STACK_SLOTS / 64 && slot == STACK_SLOTS; word++) {
        if (stack_slots[word] == ~0UL)
            continue;
        unsigned bit = (unsigned)__builtin_ctzl(~stack_slots[word]);
        stack_slots[word] |= 1UL << bit;
        slot = word * 64 + bit;
    }
    spin_unlock(&map_lock);
    return slot;
}

static void stack_slot_give(unsigned slot)
{
    spin_lock(&map_lock);
    stack_slots[slot / 64] &= ~(1UL << slot % 64);
    spin_unlock(&map_lock);
}

struct stack_top *map_stack_allocate(uint64_t behind)
{
    unsigned slot = stack_slot_take();
    if (slot == STACK_SLOTS)
        return NULL;
    char *pages = frame_allocate_hypervisor(ORDER_STACK + (behind > 0));
    if (!pages) {
        stack_slot_give(slot);
        return NULL;
    }
    uint64_t address = stack_address(slot);
    /* Not global, so that any load of CR3 forgets a stack that is gone. */
    for (uint64_t offset = 0; offset < STACK_SIZE + behind; offset += PAGE_SIZE)
        *map_entry(address + offset, 1) = virtual_to_physical(pages + offset) | MAP_DATA_FLAGS;
    return (struct stack_top *)(address + STACK_SIZE - sizeof(struct stack_top));
}

void map_stack_free(struct stack_top *stack)
{
    uint64_t address = (uint64_t)stack & ~(STACK_SIZE - 1UL);
    unsigned slot = (unsigned)((address - STACK_AREA_VIRT) / STACK_SLOT_SIZE);
    uint64_t first = *map_entry(address, 1) & PTE_FRAME_MASK;

    for (uint64_t offset = 0; offset < 2 * STACK_SIZE; offset += PAGE_SIZE)
        *map_entry(address + offset, 1) = 0;
    tlb_flush_all();
    frame_free_hypervisor(mfn_to_virtual(mfn(first >> PAGE_SHIFT)), ORDER_STACK + 1);
    stack_slot_give(slot);
}

volatile void *map_device(uint64_t physical, size_t size)
{
    uint64_t first = physical & PAGE_MASK;
    uint64_t length = (physical + size - first + PAGE_SIZE - 1) & PAGE_MASK;

    spin_lock(&map_lock);
    uint64_t offset = device_used;
    bool fits = length <= DEVICE_AREA_SIZE - offset;
    if (fits)
        device_used += length;
    spin_unlock(&map_lock);
    if (!fits)
        return NULL;
    for (uint64_t at = 0; at < length; at += PAGE_SIZE)
        *map_entry(DEVICE_AREA_VIRT + offset + at, 1) =
            (first + at) | MAP_DATA_FLAGS | PTE_PCD | PTE_PWT | PTE_GLOBAL;
    return (volatile void *)(DEVICE_AREA_VIRT + offset + (physical - first));
}

/* Show a page of the direct map that start-up did not cover, read-only. */
static bool firmware_page_show(uint64_t physical)
{
    uint64_t address = DIRECT_MAP_VIRT + physical;

    uint64_t *large = map_entry(address, 2);
    if (!large)
        return *map_entry(address, 3) & PTE_LARGE;
    if (*large & PTE_LARGE)
        return true;
    uint64_t *entry = map_entry(address, 1);
    if (!entry)
        return false;
    if (!(*entry & PTE_PRESENT))
        *entry = physical | PTE_PRESENT | PTE_ACCESSED | PTE_NX;
    return true;
}

const void *map_firmware(uint64_t physical, size_t size)
{
    uint64_t end = physical + size;

    if (size == 0 || end < physical || end > DIRECT_MAP_END - DIRECT_MAP_VIRT)
        return NULL;
    if (end > LOW_END && !boot_memory_described(physical, end, FIRMWARE_MASK))
        return NULL;
    for (uint64_t page = physical & PAGE_MASK; page < end; page += PAGE_SIZE)
        if (!firmware_page_show(page))
            return NULL;
    return (const void *)(DIRECT_MAP_VIRT + physical);
}

/* Whether another module still has a part of the page. */
static bool page_in_other_module(uint64_t page, unsigned index)
{
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        const struct boot_module *other = &boot_info.modules[i];
        if (i != index && other->start < page + PAGE_SIZE && page < other->end)
            return true;
    }
    return false;
}

void map_release_module(unsigned index)
{
    struct boot_module *module = &boot_info.modules[index];
    uint64_t page = module->start & PAGE_MASK, run = page;

    for (;; page += PAGE_SIZE) {
        bool ours = page < module->end && page >= LOW_END && !page_in_other_module(page, index) &&
                    boot_memory_described(page, page + PAGE_SIZE, RAM_MASK);
        if (ours)
            continue;
        frame_add_range(mfn(run >> PAGE_SHIFT), mfn(page >> PAGE_SHIFT));
        run = page + PAGE_SIZE;
        if (page >= module->end)
            break;
    }
    module->start = module->end = 0;
}

/* One fresh page at `address`; false when memory is out. */
static bool page_map(uint64_t address, uint64_t flags, void **page)
{
    *page = frame_allocate_hypervisor(0);
    if (!*page)
        return false;
    *map_entry(address, 1) = virtual_to_physical(*page) | flags;
    return true;
}

struct pcpu *map_pcpu_area(unsigned id)
{
    uint64_t area = PCPU_AREA_VIRT + (uint64_t)id * PCPU_AREA_STRIDE;
    uint64_t window = DESCRIPTOR_AREA_VIRT + (uint64_t)id * DESCRIPTOR_STRIDE;
    struct pcpu *pcpu = (struct pcpu *)(area + PAGE_SIZE);
    void *page;

    _Static_assert(sizeof(*pcpu) <= PCPU_AREA_STRIDE - PAGE_SIZE, "struct pcpu fits its area");
    /* Present, not writable, executable. */
    *map_entry(area, 1) =
        ((uint64_t)syscall_stub_page - IMAGE_VIRT) | PTE_PRESENT | PTE_ACCESSED | PTE_GLOBAL;
    for (uint64_t offset = 0; offset < sizeof(*pcpu); offset += PAGE_SIZE)
        if (!page_map((uint64_t)pcpu + offset, MAP_DATA_FLAGS | PTE_GLOBAL, &page))
            return NULL;
    if (!page_map(window + RESERVED_GDT_PAGE * PAGE_SIZE, MAP_DATA_FLAGS, &page))
        return NULL;
    pcpu->gdt_reserved_page = page;
    pcpu->descriptor_entries = map_entry(window, 1);
    return pcpu;
}
