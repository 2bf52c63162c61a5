/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/audit.h"

#include <stdbool.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/string.h"

#define ERRORS_PRINTED           16
#define DESCRIPTORS_PER_PAGE     512
#define FRAMES_PER_PREEMPT_POINT 64

struct count {
    uint32_t references, types;
};

struct audit {
    struct domain *domain;
    struct audit_result *result;
    struct count *counts; /* of each machine frame */
    unsigned counts_order;
    uint64_t *slots; /* a level-4 table with nothing but the hypervisor's slots */
};

static void note_error(struct audit *audit, mfn_t number, const char *what, uint64_t expected,
                       uint64_t found)
{
    if (audit->result->errors++ < ERRORS_PRINTED)
        printk("audit of d%u: frame %#lx: %s: expected %#lx, found %#lx\n", audit->domain->id,
               number.value, what, expected, found);
}

static void count_reference(struct audit *audit, mfn_t number, bool typed)
{
    if (!mfn_is_ram(number))
        return;
    audit->counts[number.value].references++;
    audit->counts[number.value].types += typed;
}

/* One present entry of a valid table: what it names must have the type that it relies on. */
static void count_entry(struct audit *audit, const struct table_level *level, mfn_t table,
                        uint64_t entry)
{
    mfn_t number = entry_mfn(entry);
    bool leaf = level->type == FRAME_TYPE_L1, typed = !leaf || (entry & PTE_WRITABLE);

    if (!mfn_is_ram(number)) {
        if (!leaf)
            note_error(audit, table, "names no RAM", 0, entry);
        return;
    }
    enum frame_type type = frame_type_of(mfn_to_frame(number));
    if (typed && type != level->child)
        note_error(audit, table, "names a frame of another type", level->child, type);
    /* The references of a grant mapping are its pins, counted by entry of the grant table. */
    if (!(leaf && (entry & ENTRY_GRANT)))
        count_reference(audit, number, typed);
}

static void count_table(struct audit *audit, mfn_t number, enum frame_type type)
{
    const struct table_level *level = table_level_of(type);
    const uint64_t *entries = mfn_to_virtual(number);

    for (unsigned slot = 0; slot < ENTRIES_PER_TABLE; slot++) {
        if (entry_slot_reserved(level, slot)) {
            if ((entries[slot] ^ audit->slots[slot]) & ~(PTE_ACCESSED | PTE_DIRTY))
                note_error(audit, number, "hypervisor's slot", audit->slots[slot], entries[slot]);
        } else if (entries[slot] & PTE_PRESENT) {
            count_entry(audit, level, number, entries[slot]);
        }
    }
}

static void count_frame(struct audit *audit, struct frame *frame)
{
    mfn_t number = frame_to_mfn(frame);
    enum frame_type type = frame_type_of(frame);

    if (frame->flags & FRAME_FLAG_ALLOCATED)
        count_reference(audit, number,
                        frame->state == FRAME_STATE_SHARED &&
                            !(frame->flags & FRAME_FLAG_READ_ONLY));
    if (frame_is_pinned(frame))
        count_reference(audit, number, true);
    if (frame_type_is_table(type)) {
        audit->result->tables += frame->owner == audit->domain;
        count_table(audit, number, type);
    }
}

static void count_descriptor_pages(struct audit *audit, const mfn_t *frames, unsigned entries)
{
    for (unsigned i = 0; i * DESCRIPTORS_PER_PAGE < entries; i++)
        count_reference(audit, frames[i], true);
}

static void count_vcpu(struct audit *audit, const struct vcpu *vcpu)
{
    count_reference(audit, vcpu->kernel_table, true);
    count_reference(audit, vcpu->user_table, true);
    count_reference(audit, vcpu->info_frame, true);
    count_descriptor_pages(audit, vcpu->guest.gdt_frames, vcpu->guest.gdt_entries);
    count_descriptor_pages(audit, vcpu->guest.ldt_frames, vcpu->guest.ldt_entries);
}

static void count_pins(struct audit *audit, struct grant_table *grants)
{
    uint32_t entries = grants->frame_count * (uint32_t)GRANT_ENTRIES_PER_FRAME;

    for (grant_ref_t ref = 0; ref < entries; ref++) {
        const struct grant_active *active = grant_active_at(grants, ref);
        for (unsigned kind = 0; kind < GRANT_KINDS; kind++) {
            for (unsigned i = 0; i < active->readers[kind]; i++)
                count_reference(audit, mfn(active->frame), false);
            for (unsigned i = 0; i < active->writers[kind]; i++)
                count_reference(audit, mfn(active->frame), true);
        }
    }
}

static void count_domains(struct audit *audit)
{
    for (unsigned id = 0; id < DOMID_FIRST_RESERVED; id++) {
        struct domain *domain = domain_get_by_id((domid_t)id);
        if (!domain)
            continue;
        for (unsigned i = 0; i < domain->vcpu_max; i++)
            if (domain->vcpus[i])
                count_vcpu(audit, domain->vcpus[i]);
        if (domain->grants)
            count_pins(audit, domain->grants);
        domain_put(domain);
        preempt_point();
    }
}

static void compare_frame(struct audit *audit, const struct frame *frame)
{
    mfn_t number = frame_to_mfn(frame);
    const struct count *count = &audit->counts[number.value];
    uint32_t types = frame->type_word & TYPE_WORD_COUNT;

    audit->result->frames++;
    if (frame->reference_count != count->references)
        note_error(audit, number, "references", count->references, frame->reference_count);
    if (types != count->types)
        note_error(audit, number, "type references", count->types, types);
}

static bool belongs_to_domain(const struct frame *frame)
{
    return frame->state == FRAME_STATE_DOMAIN || frame->state == FRAME_STATE_SHARED;
}

static void count_and_compare(struct audit *audit)
{
    count_domains(audit);
    for (uint64_t number = 0; number < frame_count_max(); number++) {
        if (belongs_to_domain(&frame_table[number]))
            count_frame(audit, &frame_table[number]);
        if (number % FRAMES_PER_PREEMPT_POINT == 0)
            preempt_point();
    }
    for (uint64_t number = 0; number < frame_count_max(); number++)
        if (belongs_to_domain(&frame_table[number]) && frame_table[number].owner == audit->domain)
            compare_frame(audit, &frame_table[number]);
    uint64_t expected = audit->domain->frame_count + audit->domain->outstanding_frames +
                        audit->domain->shared_frame_count;
    if (audit->result->frames != expected)
        note_error(audit, mfn(0), "number of frames", expected, audit->result->frames);
}

int audit_domain(struct domain *domain, struct audit_result *result)
{
    struct audit audit = {.domain = domain, .result = result};
    uint64_t size = frame_count_max() * sizeof(struct count);
    int rc = -XEN_ENOMEM;

    *result = (struct audit_result){0};
    while ((uint64_t)PAGE_SIZE << audit.counts_order < size)
        audit.counts_order++;
    audit.counts = frame_allocate_hypervisor(audit.counts_order);
    if (!audit.counts)
        return rc;
    audit.slots = frame_allocate_hypervisor(0);
    if (audit.slots) {
        map_install_slots(audit.slots);
        count_and_compare(&audit);
        frame_free_hypervisor(audit.slots, 0);
        rc = 0;
    }
    frame_free_hypervisor(audit.counts, audit.counts_order);
    return rc;
}
