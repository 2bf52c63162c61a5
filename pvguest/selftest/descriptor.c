/* SPDX-License-Identifier: MIT */
/* Descriptor tables, segment bases, the kernel stack. */
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define DATA_SEGMENT           0x00cff3000000ffffUL /* flat, ring 3, writable */
#define TASK_STATE             0x0000890000000067UL
#define SELECTOR(index, local) ((index)*8 | (local)*4 | 3)

static void segment_load(void *argument)
{
    __asm__ __volatile__("movw %0, %%fs" ::"r"(*(uint16_t *)argument));
}

/* What fs holds after an attempt to load it; it is emptied again. */
static uint16_t segment_try(uint16_t selector, bool *faulted)
{
    uint16_t holds, none = 0;

    *faulted = fault_catch(segment_load, &selector, NULL);
    __asm__ __volatile__("movw %%fs, %0" : "=r"(holds));
    segment_load(&none);
    return holds;
}

static int gdt_set(uint64_t *table, unsigned int entries)
{
    xen_pfn_t frame = page_mfn(table);

    return hypercall_set_gdt(&frame, entries);
}

static void gdt(void)
{
    uint64_t *table = page_allocate(0);
    bool faulted;

    EXPECT(table);
    table[2] = DATA_SEGMENT;
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, gdt_set(table, 512));
    EXPECT_VALUE(SELECTOR(2, 0), segment_try(SELECTOR(2, 0), &faulted));
    EXPECT(!faulted);
    segment_try(SELECTOR(3, 0), &faulted);
    EXPECT(faulted);
    EXPECT_VALUE(0,
                 hypercall_update_descriptor((page_mfn(table) << PAGE_SHIFT) + 24, DATA_SEGMENT));
    EXPECT_VALUE(SELECTOR(3, 0), segment_try(SELECTOR(3, 0), &faulted));
    EXPECT(!faulted);

    /* While it is a descriptor table, nobody writes it otherwise. */
    EXPECT(is_refusal(table_unprotect(table)));
    EXPECT_VALUE(0, hypercall_set_gdt(NULL, 0));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

static void gdt_refusals(void)
{
    uint64_t *writable = page_allocate(0);
    xen_pfn_t absurd = 1UL << 40;

    EXPECT(writable);
    EXPECT_VALUE(-XEN_EINVAL, gdt_set(writable, 512));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_set_gdt(&absurd, 512));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_set_gdt(&absurd, FIRST_RESERVED_GDT_ENTRY + 1));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_set_gdt((void *)UNMAPPED_ADDRESS, 512));
    page_free(writable, 0);
}

/* A system descriptor has no business in the table of a guest. */
static void gdt_privileged_descriptor(void)
{
    uint64_t *table = page_allocate(0);
    int error;

    EXPECT(table);
    table[1] = TASK_STATE;
    EXPECT_VALUE(0, table_protect(table));
    error = gdt_set(table, 512);
    EXPECT_VALUE(-XEN_EINVAL, error);
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

static void descriptor_updates(void)
{
    uint64_t *page = page_allocate(0);
    uint64_t address = page_mfn(page) << PAGE_SHIFT;

    EXPECT(page);
    EXPECT_VALUE(0, hypercall_update_descriptor(address + 8, DATA_SEGMENT));
    EXPECT_VALUE(DATA_SEGMENT, page[1]);
    EXPECT_VALUE(0, hypercall_update_descriptor(address + 8, 0));
    EXPECT_VALUE(0, page[1]);
    EXPECT_VALUE(-XEN_EINVAL, hypercall_update_descriptor(address + 8, TASK_STATE));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_update_descriptor(address + 4, DATA_SEGMENT));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_update_descriptor(1UL << 52, DATA_SEGMENT));
    EXPECT_VALUE(-XEN_EINVAL,
                 hypercall_update_descriptor(table_root_mfn() << PAGE_SHIFT, DATA_SEGMENT));
    page_free(page, 0);
}

static int ldt_set(const void *table, unsigned int entries)
{
    struct mmuext_op operation = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)table, .arg2.nr_ents = entries};

    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

static void ldt(void)
{
    uint64_t *table = page_allocate(0);
    bool faulted;

    EXPECT(table);
    table[5] = DATA_SEGMENT;
    table[20] = DATA_SEGMENT;
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, ldt_set(table, 16));
    EXPECT_VALUE(SELECTOR(5, 1), segment_try(SELECTOR(5, 1), &faulted));
    EXPECT(!faulted);
    segment_try(SELECTOR(20, 1), &faulted); /* beyond the limit */
    EXPECT(faulted);
    EXPECT_VALUE(0, ldt_set(NULL, 0));
    segment_try(SELECTOR(5, 1), &faulted);
    EXPECT(faulted);
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

static void ldt_refusals(void)
{
    uint64_t *table = page_allocate(0);

    EXPECT_VALUE(-XEN_EINVAL, ldt_set((char *)table + 8, 1));
    EXPECT_VALUE(-XEN_EINVAL, ldt_set(table, 8193));
    EXPECT_VALUE(-XEN_EINVAL, ldt_set((void *)HYPERVISOR_ADDRESS, 1));
    page_free(table, 0);
}

static void segment_bases(void)
{
    static uint64_t cells[2] = {0x1234, 0x5678};
    uint64_t value;

    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&cells[0]));
    __asm__ __volatile__("movq %%fs:0, %0" : "=r"(value));
    EXPECT_VALUE(0x1234, value);
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&cells[1]));
    __asm__ __volatile__("movq %%gs:0, %0" : "=r"(value));
    EXPECT_VALUE(0x5678, value);
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_USER, 0x1000));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_FS, 0));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_USER, 0));
    EXPECT_VALUE(0, hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0));
}

static void segment_base_refusals(void)
{
    EXPECT_VALUE(-XEN_EINVAL, hypercall_set_segment_base(SEGBASE_FS, NONCANONICAL_ADDRESS));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_set_segment_base(SEGBASE_GS_USER, NONCANONICAL_ADDRESS));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_set_segment_base(SEGBASE_GS_KERNEL, NONCANONICAL_ADDRESS));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_set_segment_base(9, 0));
}

static void stack_switch(void)
{
    static char stack[4096] __attribute__((aligned(16)));

    EXPECT_VALUE(0, hypercall_stack_switch(FLAT_KERNEL_SS, (unsigned long)stack + sizeof(stack)));
}

const struct check descriptor_checks[] = {
    {"set_gdt: a table of our own", gdt},
    {"set_gdt: refusals", gdt_refusals},
    {"set_gdt: task state in the table", gdt_privileged_descriptor},
    {"update_descriptor: entries and refusals", descriptor_updates},
    {"mmuext_op: set_ldt", ldt},
    {"mmuext_op: set_ldt refusals", ldt_refusals},
    {"set_segment_base: fs and gs", segment_bases},
    {"set_segment_base: refusals", segment_base_refusals},
    {"stack_switch: accepted", stack_switch},
    {NULL, NULL},
};
