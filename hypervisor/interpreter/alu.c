/* SPDX-License-Identifier: MIT */
#include "hypervisor/interpreter/alu.h"

#include "hypervisor/processor/cpu.h"

#define RFLAGS_PF         (1UL << 2)
#define RFLAGS_AF         (1UL << 4)
#define RFLAGS_ZF         (1UL << 6)
#define RFLAGS_SF         (1UL << 7)
#define RFLAGS_OF         (1UL << 11)
#define RFLAGS_ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* In the order of the opcode's bits 5-3 and of the immediate group's reg field. */
enum alu_operation { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

static uint64_t sign_bit(unsigned size)
{
    return 1UL << (8 * size - 1);
}

static uint64_t result_flags(uint64_t result, unsigned size)
{
    uint64_t flags = 0;

    if (result == 0)
        flags |= RFLAGS_ZF;
    if (result & sign_bit(size))
        flags |= RFLAGS_SF;
    if (!(__builtin_popcount((uint8_t)result) & 1))
        flags |= RFLAGS_PF;
    return flags;
}

static uint64_t calculate(enum alu_operation operation, uint64_t left, uint64_t right,
                          unsigned size, uint64_t *rflags)
{
    uint64_t result, flags = 0;

    switch (operation) {
    case ALU_ADD:
        result = truncate_to(left + right, size);
        flags = result < left ? RFLAGS_CF : 0;
        if (~(left ^ right) & (left ^ result) & sign_bit(size))
            flags |= RFLAGS_OF;
        flags |= (left ^ right ^ result) & RFLAGS_AF;
        break;
    case ALU_SUB:
    case ALU_CMP:
        result = truncate_to(left - right, size);
        flags = left < right ? RFLAGS_CF : 0;
        if ((left ^ right) & (left ^ result) & sign_bit(size))
            flags |= RFLAGS_OF;
        flags |= (left ^ right ^ result) & RFLAGS_AF;
        break;
    case ALU_OR:
        result = left | right;
        break;
    case ALU_AND:
        result = left & right;
        break;
    default:
        result = left ^ right;
        break;
    }
    *rflags = (*rflags & ~RFLAGS_ARITHMETIC) | flags | result_flags(result, size);
    return result;
}

int64_t alu_bit_displacement(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    switch (instruction->opcode) {
    case 0x0fab:
    case 0x0fb3:
    case 0x0fbb:
        break;
    default:
        return 0;
    }
    unsigned bits = instruction->operand_size * 8;
    uint64_t value = *register_of(regs, instruction->reg);
    int64_t number = instruction->operand_size == 8   ? (int64_t)value
                     : instruction->operand_size == 4 ? (int32_t)value
                                                      : (int16_t)value;
    return (number >> (bits == 64 ? 6 : bits == 32 ? 5 : 4)) * instruction->operand_size;
}

static bool bit_operation(const struct instruction *instruction, uint64_t memory,
                          struct cpu_user_regs *regs, uint64_t *result)
{
    bool immediate = instruction->opcode == 0x0fba;
    uint64_t number = immediate ? instruction->immediate : *register_of(regs, instruction->reg);
    uint64_t bit = 1UL << (number & (instruction->operand_size * 8 - 1));
    /* Group numbers 5, 6, 7 stand for bts, btr, btc. */
    unsigned kind = immediate ? instruction->reg & 7 : instruction->opcode >> 3 & 7;

    if (kind < 5)
        return false;
    regs->rflags = (regs->rflags & ~RFLAGS_CF) | (memory & bit ? RFLAGS_CF : 0);
    *result = kind == 5 ? memory | bit : kind == 6 ? memory & ~bit : memory ^ bit;
    return true;
}

static void compare_exchange(const struct instruction *instruction, uint64_t memory,
                             struct cpu_user_regs *regs, uint64_t *result)
{
    unsigned size = instruction->operand_size;

    calculate(ALU_CMP, truncate_to(regs->rax, size), memory, size, &regs->rflags);
    if (regs->rflags & RFLAGS_ZF)
        *result = truncate_to(*register_of(regs, instruction->reg), size);
    else {
        register_write(&regs->rax, memory, size);
        *result = memory;
    }
}

static bool arithmetic(enum alu_operation operation, const struct instruction *instruction,
                       uint64_t memory, uint64_t operand, struct cpu_user_regs *regs,
                       uint64_t *result)
{
    if (operation == ALU_ADC || operation == ALU_SBB || operation == ALU_CMP)
        return false;
    *result = calculate(operation, memory, truncate_to(operand, instruction->operand_size),
                        instruction->operand_size, &regs->rflags);
    return true;
}

bool alu_memory_operation(const struct instruction *instruction, uint64_t memory,
                          struct cpu_user_regs *regs, uint64_t *result)
{
    unsigned size = instruction->operand_size;
    uint64_t *source = register_of(regs, instruction->reg);
    uint64_t operand = truncate_to(*source, size);

    switch (instruction->opcode) {
    case 0x88:
    case 0x89:
    case 0x0fc3:
        *result = operand;
        return true;
    case 0xc6:
    case 0xc7:
        *result = truncate_to(instruction->immediate, size);
        return (instruction->reg & 7) == 0;
    case 0x86:
    case 0x87:
        register_write(source, memory, size);
        *result = operand;
        return true;
    case 0x0fb0:
    case 0x0fb1:
        compare_exchange(instruction, memory, regs, result);
        return true;
    case 0x0fc0:
    case 0x0fc1:
        *result = calculate(ALU_ADD, memory, operand, size, &regs->rflags);
        register_write(source, memory, size);
        return true;
    case 0x0fab:
    case 0x0fb3:
    case 0x0fbb:
    case 0x0fba:
        return bit_operation(instruction, memory, regs, result);
    case 0x80:
    case 0x81:
    case 0x83:
        return arithmetic(instruction->reg & 7, instruction, memory, instruction->immediate, regs,
                          result);
    default:
        if (instruction->opcode > 0x31)
            return false;
        return arithmetic(instruction->opcode >> 3 & 7, instruction, memory, operand, regs, result);
    }
}
