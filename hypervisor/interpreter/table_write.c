/* SPDX-License-Identifier: MIT */
/*
 * Stores of a guest kernel to its own live level-1 tables, which it has mapped read-only: the new
 * value of the aligned 8-byte entry is computed and takes the same way as in mmu_update.
 */
#include "hypervisor/domain/domain.h"
#include "hypervisor/interpreter/alu.h"
#include "hypervisor/interpreter/fetch.h"
#include "hypervisor/interpreter/interpreter.h"
#include "hypervisor/memory/guest_table.h"
#include "hypervisor/memory/guest_word.h"
#include "hypervisor/memory/leaf.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/tlb.h"

/* mov r/m64, r64, read as a little-endian word (Intel SDM volume 2, chapter 2). */
#define REX_AND_OPCODE  0xfffaU /* whatever REX.R and REX.B are */
#define REX_W_MOV       0x8948U
#define REX_R           4
#define REX_B           1
#define MOD_REGISTER    3
#define RM_SIB          4
#define RM_RIP_RELATIVE 5

/*
 * The operation on the `size` bytes at `offset` of the entry. Registers and flags change only in
 * `after`, which becomes the guest's when the store has been accepted.
 */
static bool compute(const struct instruction *instruction, uint64_t entry, unsigned offset,
                    struct cpu_user_regs *after, uint64_t *result)
{
    unsigned size = instruction->operand_size, shift = offset * 8;
    uint64_t old_part = truncate_to(entry >> shift, size), new_part;

    if (!alu_memory_operation(instruction, old_part, after, &new_part))
        return false;
    uint64_t mask = truncate_to(~0UL, size) << shift;
    *result = (entry & ~mask) | (new_part << shift & mask);
    return true;
}

static bool update_entry(const struct instruction *instruction, uint64_t *place, unsigned offset,
                         struct cpu_user_regs *regs)
{
    struct domain *domain = current_domain();

    for (;;) {
        struct cpu_user_regs after = *regs;
        struct table_update update = {
            .table = mfn_to_frame(virtual_to_mfn(place)),
            .slot = ((uintptr_t)place & (PAGE_SIZE - 1)) / sizeof(*place),
            .mode = TABLE_COMPARE,
            .frame_owner = domain,
            .expected = READ_ONCE(*place),
        };
        if (!compute(instruction, update.expected, offset, &after, &update.value))
            return false;
        if (table_update(&update))
            return false;
        if (!update.mismatch) {
            *regs = after;
            return true;
        }
    }
}

static __attribute__((noinline)) bool decode_and_store(struct cpu_user_regs *regs, uint64_t address)
{
    struct domain *domain = current_domain();
    struct instruction instruction;
    bool done = false;

    if (!instruction_fetch(regs, &instruction) || !instruction.has_modrm || instruction.mod == 3 ||
        instruction.segment)
        return false;
    uint64_t target = instruction.address + alu_bit_displacement(&instruction, regs);
    /* The fault is at the operand, which may not straddle entries. */
    if (target != address || (target & 7) + instruction.operand_size > 8)
        return false;
    mutex_lock(&domain->mmu_lock);
    uint64_t *place = guest_table_find_mapped(address & ~7UL);
    if (place)
        done = update_entry(&instruction, place, address & 7, regs);
    mutex_unlock(&domain->mmu_lock);
    if (done)
        instruction_finish(regs, instruction.length);
    return done;
}

/*
 * What a kernel's store to an entry nearly always is: mov of a 64-bit register to memory at a
 * register, with or without displacement: REX.W, 89, ModRM, the displacement. Answers the length,
 * 0 for anything else, and for what does not write just this entry.
 */
static inline unsigned plain_store(struct cpu_user_regs *regs, uint64_t address, uint64_t *value)
{
    uint64_t code = 0;
    bool failed = !guest_words_ok(regs->rip, sizeof(code));

    if (failed)
        return 0;
    guest_access_begin();
    guest_word_read(code, (const uint64_t *)regs->rip, failed);
    guest_access_end();
    unsigned mod = code >> 22 & 3, reg = code >> 19 & 7, rm = code >> 16 & 7;
    if ((code & REX_AND_OPCODE) != REX_W_MOV || rm == RM_SIB || mod == MOD_REGISTER ||
        (mod == 0 && rm == RM_RIP_RELATIVE) || (address & 7))
        return 0;
    int64_t displacement = mod == 0 ? 0 : mod == 1 ? (int8_t)(code >> 24) : (int32_t)(code >> 24);
    if (*register_of(regs, rm | (code & REX_B) << 3) + (uint64_t)displacement != address)
        return 0;
    *value = *register_of(regs, reg | (code & REX_R) << 1);
    return mod == 0 ? 3 : mod == 1 ? 4 : 7;
}

bool interpreter_table_write(struct cpu_user_regs *regs, uint64_t address)
{
    struct domain *domain = regs_vcpu(regs)->domain;
    uint64_t value;
    unsigned length = plain_store(regs, address, &value);

    if (!length)
        return decode_and_store(regs, address);
    mutex_lock(&domain->mmu_lock);
    uint64_t *place = guest_table_find_mapped(address);
    bool done = place && leaf_store(place, value, domain, domain) == 0;
    mutex_unlock(&domain->mmu_lock);
    if (done)
        instruction_finish(regs, length);
    return done;
}
