/* SPDX-License-Identifier: MIT */
/* Instructions that a ported kernel still executes and the hypervisor carries out. */
#include "lib/string.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/io_port.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/physdev.h>

#define CPUID_HYPERVISOR  0x40000000
#define MSR_FS_BASE       0xc0000100
#define MSR_EFER          0xc0000080
#define MSR_NOT_THERE     0x0badc0de
#define EFER_SYSCALL      1
#define EFER_LONG_MODE    (1UL << 10)
#define CR0_PROTECTED     1UL
#define CR0_TASK_SWITCHED (1UL << 3)
#define CR0_PAGING        (1UL << 31)
#define CR4_PAE           (1UL << 5)
#define CMOS_INDEX        0x70
#define CMOS_DATA         0x71
#define CMOS_STATUS_D     0x0d

struct cpuid {
    uint32_t a, b, c, d;
};

static struct cpuid forced_cpuid(uint32_t leaf)
{
    struct cpuid result = {.a = leaf, .c = 0};

    __asm__ __volatile__(XEN_CPUID
                         : "+a"(result.a), "=b"(result.b), "+c"(result.c), "=d"(result.d));
    return result;
}

static void cpuid_forced(void)
{
    struct cpuid leaf = forced_cpuid(CPUID_HYPERVISOR);
    char signature[13] = "";

    memcpy(signature, &leaf.b, 4);
    memcpy(signature + 4, &leaf.c, 4);
    memcpy(signature + 8, &leaf.d, 4);
    EXPECT_VALUE(0, strcmp(signature, "XenVMMXenVMM"));
    EXPECT(leaf.a >= CPUID_HYPERVISOR + 2);
    leaf = forced_cpuid(1);
    EXPECT(leaf.d >> 25 & 1);   /* SSE */
    EXPECT(!(leaf.d >> 3 & 1)); /* no superpages */
}

struct msr {
    uint32_t number;
    uint64_t value;
};

static void msr_read(void *argument)
{
    struct msr *msr = argument;
    uint32_t low, high;

    __asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(msr->number));
    msr->value = low | (uint64_t)high << 32;
}

static void msr_write(void *argument)
{
    struct msr *msr = argument;

    __asm__ __volatile__("wrmsr" ::"c"(msr->number), "a"((uint32_t)msr->value),
                         "d"((uint32_t)(msr->value >> 32)));
}

static void rdmsr_efer(void)
{
    struct msr msr = {.number = MSR_EFER};

    EXPECT(!fault_catch(msr_read, &msr, NULL));
    EXPECT(msr.value & EFER_LONG_MODE);
    EXPECT(msr.value & EFER_SYSCALL);
}

static void msr_fs_base(void)
{
    struct msr msr = {.number = MSR_FS_BASE, .value = 0x123456789000};
    static uint64_t cell = 77;
    uint64_t value;

    EXPECT(!fault_catch(msr_write, &msr, NULL));
    msr.value = 0;
    EXPECT(!fault_catch(msr_read, &msr, NULL));
    EXPECT_VALUE(0x123456789000, msr.value);
    msr.value = (uint64_t)&cell;
    EXPECT(!fault_catch(msr_write, &msr, NULL));
    __asm__ __volatile__("movq %%fs:0, %0" : "=r"(value));
    EXPECT_VALUE(77, value);
    msr.value = 0;
    EXPECT(!fault_catch(msr_write, &msr, NULL));
}

static void msr_refusals(void)
{
    struct msr missing = {.number = MSR_NOT_THERE};
    struct msr noncanonical = {.number = MSR_FS_BASE, .value = NONCANONICAL_ADDRESS};
    struct fault fault;

    EXPECT(fault_catch(msr_read, &missing, &fault));
    EXPECT_VALUE(13, fault.vector);
    EXPECT(fault_catch(msr_write, &noncanonical, &fault));
    EXPECT_VALUE(13, fault.vector);
}

static void control_registers(void)
{
    uint64_t cr0, cr3, cr4;

    __asm__ __volatile__("movq %%cr0, %0" : "=r"(cr0));
    __asm__ __volatile__("movq %%cr3, %0" : "=r"(cr3));
    __asm__ __volatile__("movq %%cr4, %0" : "=r"(cr4));
    EXPECT(cr0 & CR0_PROTECTED && cr0 & CR0_PAGING);
    EXPECT_VALUE(table_root_mfn(), cr3 >> PAGE_SHIFT);
    EXPECT(cr4 & CR4_PAE);
}

static void cr2_after_fault(void)
{
    uint64_t cr2, value;

    EXPECT_VALUE(-XEN_EFAULT, fault_try_read((void *)(UNMAPPED_ADDRESS + 0x456), &value));
    __asm__ __volatile__("movq %%cr2, %0" : "=r"(cr2));
    EXPECT_VALUE(UNMAPPED_ADDRESS + 0x456, cr2);
}

static void task_switched_flag(void)
{
    uint64_t cr0;

    EXPECT_VALUE(0, hypercall_fpu_taskswitch(1));
    __asm__ __volatile__("movq %%cr0, %0" : "=r"(cr0));
    EXPECT(cr0 & CR0_TASK_SWITCHED);
    __asm__ __volatile__("clts");
    __asm__ __volatile__("movq %%cr0, %0" : "=r"(cr0));
    EXPECT(!(cr0 & CR0_TASK_SWITCHED));
    __asm__ __volatile__("movq %0, %%cr0" ::"r"(cr0 | CR0_TASK_SWITCHED));
    __asm__ __volatile__("movq %%cr0, %0" : "=r"(cr0));
    EXPECT(cr0 & CR0_TASK_SWITCHED);
    EXPECT_VALUE(0, hypercall_fpu_taskswitch(0));
}

static void port_read(void *argument)
{
    outb(CMOS_STATUS_D, CMOS_INDEX);
    *(uint8_t *)argument = inb(CMOS_DATA);
}

static void ports_granted(void)
{
    uint8_t value = 0;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the right to ports");
    EXPECT_VALUE(0, io_port_start());
    EXPECT(!fault_catch(port_read, &value, NULL));
    EXPECT(value & 0x80); /* the clock's battery is good */
}

static void ports_refused(void)
{
    struct fault fault;
    uint8_t value;

    SKIP_UNLESS(!guest_is_initial_domain(), "this domain may use ports");
    EXPECT(fault_catch(port_read, &value, &fault));
    EXPECT_VALUE(13, fault.vector);
}

/* A store into a live level-1 table, mapped read-only as it must be. */
static void page_table_store(void)
{
    char *page = page_allocate(0), *place = window_reserve(1);
    uint64_t entry, *slot, entry_value;

    EXPECT(page && place);
    EXPECT_VALUE(0, hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables));
    EXPECT_VALUE(0, table_entry_address((uint64_t)place, true, &entry));
    slot = (uint64_t *)((char *)page_of_mfn(entry >> PAGE_SHIFT) + (entry & ~PAGE_MASK));
    page[3] = 42;
    EXPECT_VALUE(0, fault_try_write(slot, page_mfn(page) << PAGE_SHIFT | PTE_DATA));
    EXPECT_VALUE(42, place[3]);

    /* What the hypervisor would refuse as a hypercall, it refuses as a store. */
    entry_value = table_root_mfn() << PAGE_SHIFT | PTE_DATA;
    EXPECT_VALUE(-XEN_EFAULT, fault_try_write(slot + 1, entry_value));
    EXPECT_VALUE(0, slot[1] & PTE_PRESENT);
    EXPECT_VALUE(0, table_map_own((uint64_t)place, 0));
    window_release(place, 1);
    page_free(page, 0);
    EXPECT_VALUE(0, hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables));
}

const struct check emulation_checks[] = {
    {"emulation: cpuid by prefix", cpuid_forced},
    {"emulation: rdmsr of EFER", rdmsr_efer},
    {"emulation: rdmsr and wrmsr of FS base", msr_fs_base},
    {"emulation: refused MSRs", msr_refusals},
    {"emulation: cr0, cr3, cr4", control_registers},
    {"emulation: cr2 after a fault", cr2_after_fault},
    {"emulation: clts and cr0.ts", task_switched_flag},
    {"emulation: in and out, allowed", ports_granted},
    {"emulation: in and out, refused", ports_refused},
    {"emulation: store into a live page table", page_table_store},
    {NULL, NULL},
};
