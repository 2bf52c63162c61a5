/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/descriptor.h"

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/descriptor_frame.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/guest_table.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"
#include "lib/string.h"

#define DESCRIPTORS_PER_PAGE 512
#define GDT_GUEST_PAGES      FIRST_RESERVED_GDT_PAGE
#define WINDOW_GDT_PAGES     16
#define LDT_PAGES            16
#define LDT_ENTRIES_MAX      (LDT_PAGES * DESCRIPTORS_PER_PAGE)
#define LDT_TYPE             0x82UL /* present, system, LDT */

/* Nobody writes it; in .bss it takes no room in the image. */
static uint64_t zero_page[512] __attribute__((aligned(PAGE_SIZE)));

static uint64_t zero_entry(void)
{
    return ((uint64_t)zero_page - IMAGE_VIRT) | PTE_PRESENT | PTE_ACCESSED | PTE_NX;
}

static uint64_t window_entry(mfn_t frame)
{
    return mfn_to_physical(frame) | PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY | PTE_NX;
}

static uint64_t window_base(const struct pcpu *pcpu)
{
    return DESCRIPTOR_AREA_VIRT + (uint64_t)pcpu->id * DESCRIPTOR_STRIDE;
}

static unsigned pages_for(unsigned entries)
{
    return (entries + DESCRIPTORS_PER_PAGE - 1) / DESCRIPTORS_PER_PAGE;
}

void descriptor_window_init(struct pcpu *pcpu)
{
    for (unsigned i = 0; i < WINDOW_GDT_PAGES + LDT_PAGES; i++)
        if (i != GDT_GUEST_PAGES)
            pcpu->descriptor_entries[i] = zero_entry();
}

/* Base and limit of the LDT in the processor's own GDT page, then lldt. */
static void load_ldt_register(struct pcpu *pcpu, unsigned entries)
{
    uint64_t *descriptor = &pcpu->gdt_reserved_page[(SELECTOR_LDT - FIRST_RESERVED_GDT_BYTE) / 8];
    uint64_t base = window_base(pcpu) + WINDOW_GDT_PAGES * PAGE_SIZE;
    uint64_t limit = (uint64_t)entries * 8 - 1;

    if (entries == 0) {
        asm volatile("lldt %w0" : : "r"(0));
        return;
    }
    descriptor[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | LDT_TYPE << 40 |
                    (limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
    descriptor[1] = base >> 32;
    asm volatile("lldt %w0" : : "r"(SELECTOR_LDT) : "memory");
}

/* As many pages as `count` instead of the `filled` ones. */
static void window_fill(uint64_t *window, const mfn_t *frames, unsigned count, unsigned filled)
{
    unsigned i = 0;

    for (; i < count; i++)
        window[i] = window_entry(frames[i]);
    for (; i < filled; i++)
        window[i] = zero_entry();
}

static __attribute__((noinline)) void window_load_ldt(const struct vcpu_guest *guest,
                                                      struct pcpu *pcpu)
{
    unsigned pages = pages_for(guest->ldt_entries);

    window_fill(pcpu->descriptor_entries + WINDOW_GDT_PAGES, guest->ldt_frames, pages,
                pcpu->guest_ldt_pages);
    pcpu->guest_ldt_pages = pages;
    load_ldt_register(pcpu, guest->ldt_entries);
}

void descriptor_window_load(const struct vcpu *vcpu, struct pcpu *pcpu)
{
    const struct vcpu_guest *guest = &vcpu->guest;
    unsigned pages = pages_for(guest->gdt_entries);

    window_fill(pcpu->descriptor_entries, guest->gdt_frames, pages, pcpu->guest_gdt_pages);
    pcpu->guest_gdt_pages = pages;
    if (guest->ldt_entries | pcpu->guest_ldt_pages)
        window_load_ldt(guest, pcpu);
}

/* After a change on the running vcpu: the window's old translations must go. */
static void window_reload(struct vcpu *vcpu)
{
    if (vcpu != current_vcpu())
        return;
    descriptor_window_load(vcpu, this_pcpu());
    for (unsigned i = 0; i < WINDOW_GDT_PAGES + LDT_PAGES; i++)
        invlpg(window_base(this_pcpu()) + i * PAGE_SIZE);
}

static void put_frames(const mfn_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frame_put_typed(mfn_to_frame(frames[i]));
}

static int get_descriptor_frame(struct domain *domain, mfn_t frame)
{
    if (!mfn_is_ram(frame))
        return -XEN_EINVAL;
    return frame_get_typed(mfn_to_frame(frame), domain, FRAME_TYPE_DESCRIPTOR) ? -XEN_EINVAL : 0;
}

int descriptor_set_gdt(struct vcpu *vcpu, const uint64_t *frames, unsigned entries)
{
    struct vcpu_guest *guest = &vcpu->guest;
    mfn_t old_frames[GDT_GUEST_PAGES], new_frames[GDT_GUEST_PAGES];
    unsigned old_count = pages_for(guest->gdt_entries), count = pages_for(entries), taken;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -XEN_EINVAL;
    mutex_lock(&vcpu->domain->mmu_lock);
    for (taken = 0; taken < count; taken++) {
        new_frames[taken] = mfn(frames[taken]);
        if (get_descriptor_frame(vcpu->domain, new_frames[taken]))
            goto put_taken;
    }
    memcpy(old_frames, guest->gdt_frames, sizeof(old_frames));
    memcpy(guest->gdt_frames, new_frames, count * sizeof(new_frames[0]));
    guest->gdt_entries = entries;
    window_reload(vcpu);
    put_frames(old_frames, old_count);
    mutex_unlock(&vcpu->domain->mmu_lock);
    return 0;

put_taken:
    put_frames(new_frames, taken);
    mutex_unlock(&vcpu->domain->mmu_lock);
    return -XEN_EINVAL;
}

int descriptor_set_ldt(struct vcpu *vcpu, uint64_t address, unsigned entries)
{
    struct vcpu_guest *guest = &vcpu->guest;
    mfn_t old_frames[LDT_PAGES], new_frames[LDT_PAGES];
    unsigned old_count = pages_for(guest->ldt_entries), count = pages_for(entries), taken;

    if (entries > LDT_ENTRIES_MAX || (address & (PAGE_SIZE - 1)) ||
        (entries && !guest_array_ok(guest_ptr(address), entries, 8)))
        return -XEN_EINVAL;
    for (taken = 0; taken < count; taken++) {
        uint64_t entry;
        if (guest_table_read_entry(address + taken * PAGE_SIZE, &entry) || !(entry & PTE_PRESENT))
            goto put_taken;
        new_frames[taken] = mfn((entry & PTE_FRAME_MASK) >> PAGE_SHIFT);
        if (get_descriptor_frame(vcpu->domain, new_frames[taken]))
            goto put_taken;
    }
    memcpy(old_frames, guest->ldt_frames, sizeof(old_frames));
    memcpy(guest->ldt_frames, new_frames, count * sizeof(new_frames[0]));
    guest->ldt_entries = entries;
    guest->ldt_base = address;
    window_reload(vcpu);
    put_frames(old_frames, old_count);
    return 0;

put_taken:
    put_frames(new_frames, taken);
    return -XEN_EINVAL;
}

/* References of a vcpu that will not run again. */
void descriptor_release(struct vcpu *vcpu)
{
    struct vcpu_guest *guest = &vcpu->guest;

    put_frames(guest->gdt_frames, pages_for(guest->gdt_entries));
    put_frames(guest->ldt_frames, pages_for(guest->ldt_entries));
    guest->gdt_entries = guest->ldt_entries = 0;
}

long do_set_gdt(unsigned long list, uint32_t entries)
{
    uint64_t frames[GDT_GUEST_PAGES];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -XEN_EINVAL;
    if (copy_from_guest(frames, guest_ptr(list), pages_for(entries) * sizeof(frames[0])))
        return -XEN_EFAULT;
    return descriptor_set_gdt(current_vcpu(), frames, entries);
}

/* One descriptor at a machine address: of a table in use (then checked) or of a writable frame. */
long do_update_descriptor(uint64_t machine_address, uint64_t descriptor)
{
    struct domain *domain = current_domain();
    mfn_t frame_number = mfn(machine_address >> PAGE_SHIFT);
    long result = -XEN_EINVAL;

    if ((machine_address & 7) || !mfn_is_ram(frame_number) || !descriptor_check(&descriptor))
        return -XEN_EINVAL;
    struct frame *frame = mfn_to_frame(frame_number);
    mutex_lock(&domain->mmu_lock);
    if (!frame_get(frame, domain))
        goto unlock;
    enum frame_type type =
        frame_type_of(frame) == FRAME_TYPE_DESCRIPTOR ? FRAME_TYPE_DESCRIPTOR : FRAME_TYPE_WRITABLE;
    if (frame_type_get(frame, type))
        goto put;
    uint64_t *entry =
        (uint64_t *)((char *)mfn_to_virtual(frame_number) + (machine_address & (PAGE_SIZE - 1)));
    WRITE_ONCE(*entry, descriptor);
    frame_type_put(frame);
    result = 0;
put:
    frame_put(frame);
unlock:
    mutex_unlock(&domain->mmu_lock);
    return result;
}
