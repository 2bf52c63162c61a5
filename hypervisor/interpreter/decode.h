/* SPDX-License-Identifier: MIT */
/*
 * Decoder for the few guest instructions that are emulated (Intel SDM volume 2, chapter 2). Pure:
 * works on bytes and saved registers; knows prefixes, one- and two-byte opcodes, ModRM, SIB,
 * displacement, immediates; 64-bit code only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#define INSTRUCTION_MAX 15
#define OPCODE_TWO_BYTE 0x0f00 /* added to the second byte of 0x0f opcodes */

struct instruction {
    uint16_t opcode;
    uint8_t length;       /* of the whole instruction */
    uint8_t operand_size; /* 1, 2, 4 or 8 bytes, for opcodes with that choice */
    bool repeat, lock, has_modrm, address_32;
    uint8_t segment;      /* override prefix: 0x64 (fs) or 0x65 (gs), 0 = none that counts */
    uint8_t mod, reg, rm; /* reg and rm with their REX extensions; reg is also the opcode's group */
    uint64_t address;     /* of a memory operand (mod != 3), without segment base */
    uint64_t immediate;   /* sign-extended */
};

/*
 * Decode `size` bytes at `code`, of the instruction at regs->rip. False: not one of those known
 * here, or cut off.
 */
bool instruction_decode(const uint8_t *code, unsigned size, const struct cpu_user_regs *regs,
                        struct instruction *instruction);

/* A general register by its number 0-15 (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 …). */
uint64_t *register_of(struct cpu_user_regs *regs, unsigned number);

/* Value of the low `size` bytes; and a register's write of that size (4 bytes clear the rest). */
uint64_t truncate_to(uint64_t value, unsigned size);
void register_write(uint64_t *where, uint64_t value, unsigned size);
