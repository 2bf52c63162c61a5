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
#include "hypervisor/memory/leaf.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/tlb.h"

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

/*
 * A plain store of a whole entry, which is what kernels mostly do: no matter what was there, and
 * neither registers nor flags change.
 */
static bool stores_whole_entry(const struct instruction *instruction, struct cpu_user_regs *regs,
                               uint64_t *value)
{
    return (instruction->opcode == 0x89 || instruction->opcode == 0xc7) &&
           instruction->operand_size == sizeof(*value) &&
           alu_memory_operation(instruction, 0, regs, value);
}

bool interpreter_table_write(struct cpu_user_regs *regs, uint64_t address)
{
    struct domain *domain = current_domain();
    struct instruction instruction;
    uint64_t value;
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
    if (place && stores_whole_entry(&instruction, regs, &value))
        done = leaf_store(place, value, domain, domain) == 0;
    else if (place)
        done = update_entry(&instruction, place, address & 7, regs);
    mutex_unlock(&domain->mmu_lock);
    if (done)
        instruction_finish(regs, instruction.length);
    return done;
}
