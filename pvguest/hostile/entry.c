/* SPDX-License-Identifier: MIT */
/*
 * Attacks on the ways into the hypervisor and out of it: registers and flags, addresses to go on
 * at, upcalls that another virtual CPU asks for again and again, translations that are kept.
 */
#include "lib/string.h"
#include "pvguest/hostile/attack.h"
#include "pvguest/hostile/racer.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/sched.h>

#define FLAG_TRAP      0x100UL
#define FLAG_DIRECTION 0x400UL
#define FLAG_NESTED    0x4000UL
#define FLAG_ALIGNMENT 0x40000UL
#define FLAGS_ALWAYS   0x202UL
#define FLAGS_RESULT   0x8d5UL /* carry to overflow: what arithmetic leaves */

extern char callback_event[], callback_failsafe[], callback_syscall[];

static const uint64_t noncanonical[] = {NONCANONICAL_ADDRESS, 0xffff7fffffffffffUL, 1UL << 63,
                                        0x8000000000001000UL, 0xfffe000000000000UL};

#define NONCANONICALS (sizeof(noncanonical) / sizeof(noncanonical[0]))

struct way_back {
    uint64_t rip, flags;
};

static void go_back(void *argument)
{
    const struct way_back *back = argument;

    __asm__ __volatile__(
        "movq %%rsp, %%rax\n"
        "pushq %[ss]\n"
        "pushq %%rax\n"
        "pushq %[rflags]\n"
        "pushq %[cs]\n"
        "pushq %[rip]\n"
        "pushq %[flags]\n"
        "jmp hypercall_page + 32 * %c[iret]" ::[ss] "i"(FLAT_KERNEL_SS),
        [rflags] "i"(FLAGS_ALWAYS), [cs] "i"(FLAT_KERNEL_CS & ~3), [rip] "r"(back->rip),
        [flags] "r"(back->flags), [iret] "i"(__HYPERVISOR_iret)
        : "rax", "memory");
}

static bool handler_refused(uint64_t address)
{
    struct trap_info traps[2] = {{.vector = 0x81, .cs = FLAT_KERNEL_CS, .address = address}};
    struct xennmi_callback nmi = {.handler_address = address};
    bool refused =
        hypercall_set_callbacks(address, (uint64_t)callback_failsafe, (uint64_t)callback_syscall) <
            0 &&
        hypercall_set_callbacks((uint64_t)callback_event, address, (uint64_t)callback_syscall) <
            0 &&
        hypercall_set_callbacks((uint64_t)callback_event, (uint64_t)callback_failsafe, address) < 0;

    for (uint16_t type = 0; type < 8; type++) {
        struct callback_register callback = {.type = type, .address = address};
        /* The instruction itself raises an exception: its callback is never called. */
        if (type != CALLBACKTYPE_sysenter)
            refused &= hypercall_callback_op(CALLBACKOP_register, &callback) < 0;
    }
    return refused && hypercall_set_trap_table(traps) < 0 &&
           hypercall_nmi_op(XENNMI_register_callback, &nmi) < 0;
}

/* Where sysret would fault in ring 0: as a return address of both kinds, and as a handler. */
static bool returns_noncanonical(void)
{
    bool held = true;

    for (size_t i = 0; i < NONCANONICALS; i++) {
        struct way_back back = {noncanonical[i], 0},
                        in_syscall = {noncanonical[i], VGCF_in_syscall};

        held &= fault_catch(go_back, &back, NULL);
        held &= fault_catch(go_back, &in_syscall, NULL);
        held &= handler_refused(noncanonical[i]);
    }
    return held;
}

/* In the order in which the code below loads and stores them. */
struct registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rflags;
};

void call_with_registers(struct registers *registers);
extern char call_with_registers_after[];
__asm__(".pushsection .text\n"
        "call_with_registers:\n"
        "    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "    pushq %rdi\n"
        "    movq 0(%rdi), %rax; movq 8(%rdi), %rbx; movq 16(%rdi), %rcx; movq 24(%rdi), %rdx\n"
        "    movq 32(%rdi), %rsi; movq 48(%rdi), %rbp; movq 56(%rdi), %r8; movq 64(%rdi), %r9\n"
        "    movq 72(%rdi), %r10; movq 80(%rdi), %r11; movq 88(%rdi), %r12; movq 96(%rdi), %r13\n"
        "    movq 104(%rdi), %r14; movq 112(%rdi), %r15\n"
        "    pushq 120(%rdi)\n"
        "    movq 40(%rdi), %rdi\n"
        "    popfq\n"
        "    syscall\n"
        "call_with_registers_after:\n"
        "    xchgq (%rsp), %rdi\n"
        "    movq %rax, 0(%rdi); movq %rbx, 8(%rdi); movq %rcx, 16(%rdi); movq %rdx, 24(%rdi)\n"
        "    movq %rsi, 32(%rdi); movq %rbp, 48(%rdi); movq %r8, 56(%rdi); movq %r9, 64(%rdi)\n"
        "    movq %r10, 72(%rdi); movq %r11, 80(%rdi); movq %r12, 88(%rdi); movq %r13, 96(%rdi)\n"
        "    movq %r14, 104(%rdi); movq %r15, 112(%rdi)\n"
        "    popq 40(%rdi)\n"
        "    pushfq\n"
        "    popq 120(%rdi)\n"
        "    pushq $0x202\n"
        "    popfq\n"
        "    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "    ret\n"
        ".popsection\n");

/* Nothing of the hypervisor's may be left in a register, and nothing of ours may be lost. */
static bool registers_kept(uint64_t number, uint64_t flags)
{
    struct registers before, after;
    uint64_t *words = (uint64_t *)&before;

    for (size_t i = 0; i < sizeof(before) / sizeof(*words); i++)
        words[i] = 0x1111111111111111UL * (i + 1);
    before.rax = number;
    before.rdi = before.rsi = before.rdx = 0;
    before.rflags = flags | FLAGS_ALWAYS;
    after = before;
    call_with_registers(&after);
    before.rax = after.rax;
    before.rcx = (uint64_t)call_with_registers_after;
    before.r11 = after.r11;
    bool same_flags = !((after.rflags ^ before.rflags) & ~FLAGS_RESULT) &&
                      !((after.r11 ^ before.rflags) & ~FLAGS_RESULT);
    before.rflags = after.rflags;
    return same_flags && !memcmp(&before, &after, sizeof(before));
}

/* Short calls, slow ones, and such as do not exist, with each flag that a kernel had better not
 * enter with; some of them while an upcall is on its way. */
static bool registers_and_flags(void)
{
    static const uint64_t numbers[] = {__HYPERVISOR_xen_version,
                                       __HYPERVISOR_mmu_update,
                                       __HYPERVISOR_multicall,
                                       __HYPERVISOR_sched_op_compat,
                                       __HYPERVISOR_memory_op,
                                       63,
                                       64,
                                       ~0UL};
    static const uint64_t flags[] = {0, FLAG_DIRECTION, FLAG_NESTED, FLAG_ALIGNMENT,
                                     FLAG_DIRECTION | FLAG_NESTED | FLAG_ALIGNMENT};
    bool held = true;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        for (size_t j = 0; j < sizeof(flags) / sizeof(flags[0]); j++) {
            held &= registers_kept(numbers[i], flags[j]);
            unsigned long was_masked = events_mask();
            shared_info->vcpu_info[0].evtchn_upcall_pending = 1;
            WRITE_ONCE(shared_info->vcpu_info[0].evtchn_upcall_mask, was_masked);
            held &= registers_kept(numbers[i], flags[j]);
        }
    return held;
}

#define COMPAT_PLACE 0x0000000000400000UL
#define COMPAT_CS    0xe023 /* flat, ring 3, 32 bits */

static void compat_go(void *argument)
{
    (void)argument;
    __asm__ __volatile__("pushq %0; pushq %1; lretq" ::"i"(COMPAT_CS), "r"(COMPAT_PLACE)
                         : "memory");
}

/* The kernel itself enters from 32-bit code, by each instruction there is for that. */
static bool compat_entries(void)
{
    static const char *const codes[] = {"\x0f\x05" /* syscall */, "\x0f\x34" /* sysenter */,
                                        "\xcd\x80" /* int 80 */, "\xcd\x82" /* int 82 */,
                                        "\x0f\x01\xf8" /* swapgs */};
    char *page = page_allocate(0);
    uint64_t entry;
    bool held = true;

    if (table_entry_address(COMPAT_PLACE, true, &entry) ||
        table_map_own(COMPAT_PLACE, page_mfn(page) << PAGE_SHIFT | PTE_PRESENT | PTE_ACCESSED))
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        memcpy(page, codes[i], strlen(codes[i]) + 1);
        held &= fault_catch(compat_go, NULL, NULL);
    }
    return held;
}

/* A stack of 1 GiB, all of it the same page, for frames that nobody reads. */
#define STACK_SLOT   300
#define STACK_LOW    (0xffff000000000000UL | (uint64_t)STACK_SLOT << 39)
#define STACK_HIGH   (STACK_LOW + (1UL << 30))
#define FRAMES_FEW   (6 * 64)
#define UPCALL_TURNS 100

static bool entries_set(uint64_t table_mfn, unsigned int first, unsigned int count, uint64_t entry)
{
    static struct mmu_update updates[TABLE_ENTRIES];

    for (unsigned int i = 0; i < count; i++)
        updates[i] = (struct mmu_update){
            .ptr = (table_mfn << PAGE_SHIFT) + (first + i) * sizeof(uint64_t), .val = entry};
    return !hypercall_mmu_update(updates, count, NULL, DOMID_SELF);
}

static bool stack_make(void)
{
    void *page = page_allocate(0);
    uint64_t below = page_mfn(page) << PAGE_SHIFT | PTE_DATA;

    for (unsigned int level = 1; level <= 3; level++) {
        void *table = page_allocate(0);
        struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE + level - 1,
                                .arg1.mfn = page_mfn(table)};

        if (table_protect(table) || hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF) ||
            !entries_set(page_mfn(table), 0, level < 3 ? TABLE_ENTRIES : 1, below))
            return false;
        below = page_mfn(table) << PAGE_SHIFT | PTE_TABLE;
    }
    return entries_set(table_root_mfn(), STACK_SLOT, 1, below);
}

/* Odd while the others unmask this virtual CPU's events; how often they have left off. */
static volatile uint32_t upcall_turn, upcall_rested;
/* Where the first upcall of a turn found the stack; the stack to go back to. */
static volatile uint64_t upcall_landed, upcall_return __attribute__((used));
static volatile uint32_t upcall_turn_end, upcall_rest_wanted;

/* Call the hypervisor on the stack given, until an upcall comes. */
void upcall_provoke(uint64_t stack);
extern char upcall_landing[];
__asm__(".pushsection .text\n"
        "upcall_provoke:\n"
        "    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "    movq %rsp, upcall_return(%rip)\n"
        "    movq %rdi, %rsp\n"
        "    incl upcall_turn(%rip)\n"
        "1:  movl $17, %eax\n" /* xen_version */
        "    xorl %edi, %edi\n"
        "    xorl %esi, %esi\n"
        "    syscall\n"
        "    jmp 1b\n"
        "upcall_landing:\n"
        "    cmpq $0, upcall_landed(%rip)\n"
        "    jne 2f\n"
        "    movq %rsp, upcall_landed(%rip)\n"
        "2:  movl upcall_turn_end(%rip), %eax\n"
        "    movl %eax, upcall_turn(%rip)\n"
        "    pause\n"
        "    movl upcall_rest_wanted(%rip), %eax\n"
        "    cmpl upcall_rested(%rip), %eax\n"
        "    jne 2b\n"
        "    movq upcall_return(%rip), %rsp\n"
        "    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "    ret\n"
        ".popsection\n");

static void unmask_for_ever(void)
{
    volatile struct vcpu_info *info = &shared_info->vcpu_info[0];

    for (uint32_t seen = 0;;) {
        uint32_t turn = upcall_turn;

        if (turn == seen)
            continue;
        while (turn & 1 && upcall_turn == turn) {
            info->evtchn_upcall_pending = 1;
            info->evtchn_upcall_mask = 0;
        }
        while ((seen = upcall_turn) & 1)
            ;
        info->evtchn_upcall_mask = 1;
        __atomic_fetch_add(&upcall_rested, 1, __ATOMIC_SEQ_CST);
    }
}

/*
 * One upcall is delivered and masks further ones; others take the mask away and ask for the next.
 * However long they do, the hypervisor must come out, interrupts on, after a frame or two.
 */
static bool upcall_race(void)
{
    unsigned long was_masked = events_mask();
    uint64_t deepest = STACK_HIGH;

    if (!stack_make() || !racers_start(unmask_for_ever) ||
        hypercall_set_callbacks((uint64_t)upcall_landing, (uint64_t)callback_failsafe,
                                (uint64_t)callback_syscall))
        return false;
    for (unsigned int turn = 0; turn < UPCALL_TURNS; turn++) {
        upcall_landed = 0;
        upcall_turn_end = upcall_turn + 2;
        upcall_rest_wanted += RACERS;
        upcall_provoke(STACK_HIGH);
        if (upcall_landed < deepest)
            deepest = upcall_landed;
    }
    hypercall_set_callbacks((uint64_t)callback_event, (uint64_t)callback_failsafe,
                            (uint64_t)callback_syscall);
    events_restore(was_masked);
    return STACK_HIGH - deepest <= FRAMES_FEW;
}

#define TRANSLATION_TURNS 200
#define LOOKS             2000
#define MARK              2 /* no present entry */

static volatile uint64_t *translation_place;

static void write_for_ever(void)
{
    for (;;)
        *translation_place = MARK;
}

static bool place_map(uint64_t mfn)
{
    return !hypercall_update_va_mapping((uint64_t)translation_place, mfn << PAGE_SHIFT | PTE_DATA,
                                        UVMF_NONE);
}

/* While the others still have it in their TLBs, writable: a level-1 table now. */
static bool table_stays(const volatile uint64_t *frame)
{
    uint64_t mfn = page_mfn((const void *)frame);
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn},
                     unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn};
    bool held = !hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF) && entries_set(mfn, 0, 1, 0);

    for (unsigned int i = 0; i < LOOKS; i++)
        held &= *frame == 0;
    return held & !hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
}

/*
 * Others write to a page without a pause. It is put out of the way of one that becomes a table, and
 * nobody flushes: no write may reach the table by the translation of before.
 */
static bool translation_race(void)
{
    volatile uint64_t *frames[2] = {page_allocate(0), page_allocate(0)};
    uint64_t entry;
    bool held = true;

    translation_place = window_reserve(1);
    if (table_protect((void *)frames[0]) || table_protect((void *)frames[1]) ||
        table_entry_address((uint64_t)translation_place, true, &entry) ||
        !place_map(page_mfn((void *)frames[0])) || !racers_start(write_for_ever))
        return false;
    for (unsigned int turn = 0; turn < TRANSLATION_TURNS; turn++) {
        volatile uint64_t *now = frames[turn % 2], *next = frames[(turn + 1) % 2];

        for (unsigned int i = 0; i < LOOKS && *now != MARK; i++)
            ;
        held &= place_map(page_mfn((void *)next)) && table_stays(now);
    }
    return held;
}

const struct attack entry_attacks[] = {
    {"returns-noncanonical", REFUSED, returns_noncanonical},
    {"registers", REFUSED, registers_and_flags},
    {"compat-entries", REFUSED, compat_entries},
    {"upcall-race", REFUSED, upcall_race},
    {"translation-race", REFUSED, translation_race},
    {NULL, REFUSED, NULL},
};
