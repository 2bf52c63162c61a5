/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of read-modify-write instructions with a memory destination. Pure.
 */
#pragma once

#include "hypervisor/interpreter/decode.h"

/*
 * New value of the memory operand whose value is `memory`; registers and flags in *regs change as
 * the instruction says. False: not such an instruction.
 */
bool alu_memory_operation(const struct instruction *instruction, uint64_t memory,
                          struct cpu_user_regs *regs, uint64_t *result);

/* bts, btr, btc with a register as bit number reach beyond their operand: how many bytes. */
int64_t alu_bit_displacement(const struct instruction *instruction, struct cpu_user_regs *regs);
