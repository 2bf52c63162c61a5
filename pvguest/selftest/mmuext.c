/* SPDX-License-Identifier: MIT */
/* mmuext_op: pinning, base pointers, flushes, page operations. */
#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define ABSURD_FRAME (1UL << 39)

static int frame_do(unsigned int command, uint64_t mfn)
{
    struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn};

    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

static int page_do(unsigned int command, const void *page)
{
    return frame_do(command, page_mfn(page));
}

static int address_do(unsigned int command, unsigned long address, const void *vcpus)
{
    struct mmuext_op operation = {.cmd = command, .arg1.linear_addr = address};

    set_xen_guest_handle(operation.arg2.vcpumask, vcpus);
    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

/* Pin at a level, see that it is read-only and of that level alone, unpin. */
static void pin_level(unsigned int command, unsigned int other)
{
    uint64_t *table = page_allocate(0);

    EXPECT(table);
    EXPECT(is_refusal(page_do(command, table))); /* still mapped writable */
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, page_do(command, table));
    EXPECT(is_refusal(page_do(command, table)));
    EXPECT(is_refusal(page_do(other, table)));
    EXPECT(is_refusal(table_unprotect(table)));
    EXPECT_VALUE(0, page_do(MMUEXT_UNPIN_TABLE, table));
    EXPECT(is_refusal(page_do(MMUEXT_UNPIN_TABLE, table)));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

static void pin_level1(void)
{
    pin_level(MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE);
}

static void pin_level2(void)
{
    pin_level(MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE);
}

static void pin_level3(void)
{
    pin_level(MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE);
}

static void pin_level4(void)
{
    pin_level(MMUEXT_PIN_L4_TABLE, MMUEXT_PIN_L1_TABLE);
}

static void pin_contents(void)
{
    uint64_t *table = page_allocate(0), *page = page_allocate(0);

    EXPECT(table && page);
    table[3] = page_mfn(page) << PAGE_SHIFT | PTE_DATA;
    table[4] = table_root_mfn() << PAGE_SHIFT | (PTE_DATA & ~PTE_WRITABLE);
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, page_do(MMUEXT_PIN_L1_TABLE, table));
    EXPECT_VALUE(0, page_do(MMUEXT_UNPIN_TABLE, table));
    EXPECT_VALUE(0, table_unprotect(table));

    table[5] = table_root_mfn() << PAGE_SHIFT | PTE_DATA;
    EXPECT_VALUE(0, table_protect(table));
    EXPECT(is_refusal(page_do(MMUEXT_PIN_L1_TABLE, table)));
    EXPECT_VALUE(0, table_unprotect(table));
    table[5] = ABSURD_FRAME << PAGE_SHIFT | PTE_DATA;
    EXPECT_VALUE(0, table_protect(table));
    EXPECT(is_refusal(page_do(MMUEXT_PIN_L1_TABLE, table)));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
    page_free(page, 0);
}

static void pin_refusals(void)
{
    EXPECT(is_refusal(frame_do(MMUEXT_PIN_L1_TABLE, ABSURD_FRAME)));
    EXPECT(is_refusal(frame_do(MMUEXT_PIN_L4_TABLE, ~0UL)));
    EXPECT(is_refusal(frame_do(MMUEXT_UNPIN_TABLE, ABSURD_FRAME)));
}

/* A second level-4 table with all that the first maps; the kernel goes on under it. */
static void new_base_pointer(void)
{
    uint64_t *table = page_allocate(0);
    uint64_t mfn = table_root_mfn();

    EXPECT(table);
    for (unsigned int slot = 0; slot < TABLE_ENTRIES; slot++)
        if (slot < 256 || slot >= 272)
            table[slot] = table_root()[slot];
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, page_do(MMUEXT_PIN_L4_TABLE, table));
    EXPECT_VALUE(0, page_do(MMUEXT_NEW_BASEPTR, table));
    EXPECT_VALUE(0, frame_do(MMUEXT_NEW_BASEPTR, mfn));
    EXPECT_VALUE(0, page_do(MMUEXT_UNPIN_TABLE, table));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

static void base_pointer_refusals(void)
{
    uint64_t *page = page_allocate(0);

    EXPECT(page);
    EXPECT(is_refusal(page_do(MMUEXT_NEW_BASEPTR, page)));
    EXPECT(is_refusal(frame_do(MMUEXT_NEW_BASEPTR, ABSURD_FRAME)));
    EXPECT(is_refusal(page_do(MMUEXT_NEW_USER_BASEPTR, page)));
    EXPECT_VALUE(0, frame_do(MMUEXT_NEW_USER_BASEPTR, 0));
    page_free(page, 0);
}

static void flushes(void)
{
    static const unsigned long vcpus[1] = {1};

    EXPECT_VALUE(0, address_do(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL));
    EXPECT_VALUE(0, address_do(MMUEXT_TLB_FLUSH_ALL, 0, NULL));
    EXPECT_VALUE(0, address_do(MMUEXT_TLB_FLUSH_MULTI, 0, vcpus));
    EXPECT_VALUE(0, address_do(MMUEXT_INVLPG_LOCAL, (unsigned long)vcpus, NULL));
    EXPECT_VALUE(0, address_do(MMUEXT_INVLPG_ALL, (unsigned long)vcpus, NULL));
    EXPECT_VALUE(0, address_do(MMUEXT_INVLPG_MULTI, (unsigned long)vcpus, vcpus));
}

/* An address that no processor has is no reason to fault. */
static void flush_of_odd_addresses(void)
{
    static const unsigned long vcpus[1] = {1};

    EXPECT_VALUE(0, address_do(MMUEXT_INVLPG_LOCAL, NONCANONICAL_ADDRESS, NULL));
    EXPECT_VALUE(0, address_do(MMUEXT_INVLPG_ALL, NONCANONICAL_ADDRESS, NULL));
    EXPECT_VALUE(0, address_do(MMUEXT_INVLPG_LOCAL, HYPERVISOR_ADDRESS, NULL));
    EXPECT_VALUE(-XEN_EINVAL, address_do(MMUEXT_TLB_FLUSH_MULTI, 0, (void *)UNMAPPED_ADDRESS));
    EXPECT_VALUE(-XEN_EINVAL,
                 address_do(MMUEXT_INVLPG_MULTI, (unsigned long)vcpus, (void *)HYPERVISOR_ADDRESS));
}

static void flush_cache(void)
{
    int error = address_do(MMUEXT_FLUSH_CACHE, 0, NULL);

    if (guest_is_initial_domain())
        EXPECT_VALUE(0, error);
    else
        EXPECT(error == 0 || is_refusal(error));
}

static void clear_page(void)
{
    uint64_t *page = page_allocate(0);

    EXPECT(page);
    page[7] = 7;
    EXPECT_VALUE(0, page_do(MMUEXT_CLEAR_PAGE, page));
    EXPECT_VALUE(0, *(volatile uint64_t *)&page[7]);
    EXPECT(is_refusal(frame_do(MMUEXT_CLEAR_PAGE, table_root_mfn())));
    EXPECT(is_refusal(frame_do(MMUEXT_CLEAR_PAGE, ABSURD_FRAME)));
    page_free(page, 0);
}

static int page_copy(uint64_t destination, uint64_t source)
{
    struct mmuext_op operation = {
        .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = destination, .arg2.src_mfn = source};

    return hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

static void copy_page(void)
{
    uint64_t *source = page_allocate(0), *destination = page_allocate(0);

    EXPECT(source && destination);
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        source[i] = i * 3;
    EXPECT_VALUE(0, page_copy(page_mfn(destination), page_mfn(source)));
    EXPECT_VALUE(0, memcmp(source, destination, PAGE_SIZE));
    EXPECT(is_refusal(page_copy(table_root_mfn(), page_mfn(source))));
    EXPECT(is_refusal(page_copy(page_mfn(destination), ABSURD_FRAME)));
    EXPECT(is_refusal(page_copy(ABSURD_FRAME, page_mfn(source))));
    page_free(source, 0);
    page_free(destination, 0);
}

static void batches(void)
{
    struct mmuext_op operations[3] = {{.cmd = MMUEXT_TLB_FLUSH_LOCAL},
                                      {.cmd = MMUEXT_TLB_FLUSH_LOCAL},
                                      {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = ABSURD_FRAME}};
    unsigned int done = 77;

    EXPECT_VALUE(0, hypercall_mmuext_op(operations, 2, &done, DOMID_SELF));
    EXPECT_VALUE(2, done);
    EXPECT(is_refusal(hypercall_mmuext_op(operations, 3, &done, DOMID_SELF)));
    EXPECT_VALUE(2, done);
}

static void refusals(void)
{
    struct mmuext_op operation = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    EXPECT_VALUE(-XEN_ENOSYS, frame_do(UNUSED_COMMAND, 0));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_mmuext_op((void *)UNMAPPED_ADDRESS, 1, NULL, DOMID_SELF));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_mmuext_op((void *)HYPERVISOR_ADDRESS, 1, NULL, DOMID_SELF));
    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, hypercall_mmuext_op(&operation, 1, NULL, UNUSED_DOMAIN));
}

const struct check mmuext_checks[] = {
    {"mmuext_op: pin level 1", pin_level1},
    {"mmuext_op: pin level 2", pin_level2},
    {"mmuext_op: pin level 3", pin_level3},
    {"mmuext_op: pin level 4", pin_level4},
    {"mmuext_op: pin validates contents", pin_contents},
    {"mmuext_op: pin refusals", pin_refusals},
    {"mmuext_op: new_baseptr", new_base_pointer},
    {"mmuext_op: base pointer refusals", base_pointer_refusals},
    {"mmuext_op: TLB flushes", flushes},
    {"mmuext_op: flushes of odd addresses", flush_of_odd_addresses},
    {"mmuext_op: flush_cache", flush_cache},
    {"mmuext_op: clear_page", clear_page},
    {"mmuext_op: copy_page", copy_page},
    {"mmuext_op: batches", batches},
    {"mmuext_op: refusals", refusals},
    {NULL, NULL},
};
