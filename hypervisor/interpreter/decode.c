/* SPDX-License-Identifier: MIT */
#include "hypervisor/interpreter/decode.h"

#include <stddef.h>

#include "lib/string.h"

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

struct cursor {
    const uint8_t *code;
    unsigned size, position;
    bool failed;
};

/* How an opcode goes on. */
enum opcode_form {
    KNOWN = 1,
    BYTES = 2,     /* its operand is a byte                   */
    MODRM = 4,     /* it has a ModRM byte                     */
    IMM8 = 8,      /* an immediate byte                       */
    IMMEDIATE = 16 /* an immediate operand: 1, 2 or 4 bytes */
};

#define TWO_BYTE 0x100 /* where the opcodes behind 0x0f begin in the table */

/* What is emulated somewhere: privileged instructions and stores to page tables. */
static const uint8_t opcode_forms[2 * TWO_BYTE] = {
    [0x00] = KNOWN | BYTES | MODRM, /* add, or, adc, sbb, and, sub, xor: */
    [0x01] = KNOWN | MODRM,         /*   register to memory              */
    [0x08] = KNOWN | BYTES | MODRM,
    [0x09] = KNOWN | MODRM,
    [0x20] = KNOWN | BYTES | MODRM,
    [0x21] = KNOWN | MODRM,
    [0x28] = KNOWN | BYTES | MODRM,
    [0x29] = KNOWN | MODRM,
    [0x30] = KNOWN | BYTES | MODRM,
    [0x31] = KNOWN | MODRM,
    [0x6c] = KNOWN | BYTES, /* ins, outs */
    [0x6d] = KNOWN,
    [0x6e] = KNOWN | BYTES,
    [0x6f] = KNOWN,
    [0x80] = KNOWN | BYTES | MODRM | IMM8, /* the same with an immediate */
    [0x81] = KNOWN | MODRM | IMMEDIATE,
    [0x83] = KNOWN | MODRM | IMM8,
    [0x86] = KNOWN | BYTES | MODRM, /* xchg, mov */
    [0x87] = KNOWN | MODRM,
    [0x88] = KNOWN | BYTES | MODRM,
    [0x89] = KNOWN | MODRM,
    [0xc6] = KNOWN | BYTES | MODRM | IMM8,
    [0xc7] = KNOWN | MODRM | IMMEDIATE,
    [0xcd] = KNOWN | IMM8,         /* int */
    [0xe4] = KNOWN | BYTES | IMM8, /* in, out */
    [0xe5] = KNOWN | IMM8,
    [0xe6] = KNOWN | BYTES | IMM8,
    [0xe7] = KNOWN | IMM8,
    [0xec] = KNOWN | BYTES,
    [0xed] = KNOWN,
    [0xee] = KNOWN | BYTES,
    [0xef] = KNOWN,
    [0xfa ... 0xfb] = KNOWN,                       /* cli, sti */
    [TWO_BYTE | 0x01] = KNOWN | MODRM,             /* xsetbv, invlpg, smsw, lmsw */
    [TWO_BYTE | 0x06] = KNOWN,                     /* clts */
    [TWO_BYTE | 0x08 ... TWO_BYTE | 0x09] = KNOWN, /* invd, wbinvd */
    [TWO_BYTE | 0x20 ... TWO_BYTE | 0x23] =
        KNOWN | MODRM,                 /* mov to and from control, debug registers */
    [TWO_BYTE | 0x30] = KNOWN,         /* wrmsr */
    [TWO_BYTE | 0x32] = KNOWN,         /* rdmsr */
    [TWO_BYTE | 0xa2] = KNOWN,         /* cpuid */
    [TWO_BYTE | 0xab] = KNOWN | MODRM, /* bts, btr, btc */
    [TWO_BYTE | 0xb3] = KNOWN | MODRM,
    [TWO_BYTE | 0xbb] = KNOWN | MODRM,
    [TWO_BYTE | 0xba] = KNOWN | MODRM | IMM8,
    [TWO_BYTE | 0xb0] = KNOWN | BYTES | MODRM, /* cmpxchg */
    [TWO_BYTE | 0xb1] = KNOWN | MODRM,
    [TWO_BYTE | 0xc0] = KNOWN | BYTES | MODRM, /* xadd */
    [TWO_BYTE | 0xc1] = KNOWN | MODRM,
    [TWO_BYTE | 0xc3] = KNOWN | MODRM, /* movnti */
};

static uint8_t next_byte(struct cursor *cursor)
{
    if (cursor->position >= cursor->size || cursor->position >= INSTRUCTION_MAX) {
        cursor->failed = true;
        return 0;
    }
    return cursor->code[cursor->position++];
}

/* Little-endian, sign-extended. */
static uint64_t next_signed(struct cursor *cursor, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)next_byte(cursor) << (8 * i);
    unsigned unused = 64 - 8 * bytes;
    return (uint64_t)((int64_t)(value << unused) >> unused);
}

static const uint8_t register_offsets[16] = {
    offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
    offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
    offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
    offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
    offsetof(struct cpu_user_regs, r8),  offsetof(struct cpu_user_regs, r9),
    offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
    offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
    offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
};

uint64_t *register_of(struct cpu_user_regs *regs, unsigned number)
{
    return (uint64_t *)((char *)regs + register_offsets[number & 15]);
}

static uint64_t register_value(const struct cpu_user_regs *regs, unsigned number)
{
    return *(const uint64_t *)((const char *)regs + register_offsets[number & 15]);
}

uint64_t truncate_to(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & ((1UL << (8 * size)) - 1);
}

void register_write(uint64_t *where, uint64_t value, unsigned size)
{
    if (size >= 4)
        *where = truncate_to(value, size);
    else
        memcpy(where, &value, size);
}

static unsigned form_of(uint16_t opcode)
{
    bool two_bytes = (opcode & 0xff00) == OPCODE_TWO_BYTE;

    return opcode_forms[(two_bytes ? TWO_BYTE : 0) | (opcode & 0xff)];
}

struct prefixes {
    uint8_t rex;
    bool operand_16;
};

/* Legacy prefixes in any order, then REX; returns the first opcode byte. */
static uint8_t decode_prefixes(struct cursor *cursor, struct instruction *instruction,
                               struct prefixes *prefixes)
{
    for (;;) {
        uint8_t byte = next_byte(cursor);
        if (cursor->failed)
            return 0;
        if ((byte & 0xf0) == 0x40) {
            prefixes->rex = byte;
            continue;
        }
        switch (byte) {
        case 0x66:
            prefixes->operand_16 = true;
            break;
        case 0x67:
            instruction->address_32 = true;
            break;
        case 0xf0:
            instruction->lock = true;
            break;
        case 0xf2:
        case 0xf3:
            instruction->repeat = true;
            break;
        case 0x64:
        case 0x65:
            instruction->segment = byte;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            break;
        default:
            return byte;
        }
        prefixes->rex = 0; /* only counts directly before the opcode */
    }
}

static uint64_t scaled_index(const struct cpu_user_regs *regs, uint8_t sib, uint8_t rex,
                             unsigned mod, struct cursor *cursor)
{
    unsigned base = (sib & 7) | (rex & REX_B ? 8 : 0);
    unsigned index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0);
    uint64_t address = 0;

    if ((sib & 7) == 5 && mod == 0)
        address = next_signed(cursor, 4);
    else
        address = register_value(regs, base);
    if (index != 4)
        address += register_value(regs, index) << (sib >> 6);
    return address;
}

/* ModRM and what follows it. `*relative` is set when rip must be added once the length is known. */
static void decode_modrm(struct cursor *cursor, const struct cpu_user_regs *regs, uint8_t rex,
                         struct instruction *instruction, bool *relative)
{
    uint8_t modrm = next_byte(cursor);

    instruction->mod = modrm >> 6;
    instruction->reg = (modrm >> 3 & 7) | (rex & REX_R ? 8 : 0);
    instruction->rm = (modrm & 7) | (rex & REX_B ? 8 : 0);
    if (instruction->mod == 3)
        return;
    if ((modrm & 7) == 4)
        instruction->address = scaled_index(regs, next_byte(cursor), rex, instruction->mod, cursor);
    else if ((modrm & 7) == 5 && instruction->mod == 0) {
        instruction->address = next_signed(cursor, 4);
        *relative = true;
    } else
        instruction->address = register_value(regs, instruction->rm);
    if (instruction->mod == 1)
        instruction->address += next_signed(cursor, 1);
    else if (instruction->mod == 2)
        instruction->address += next_signed(cursor, 4);
}

bool instruction_decode(const uint8_t *code, unsigned size, const struct cpu_user_regs *regs,
                        struct instruction *instruction)
{
    struct cursor cursor = {.code = code, .size = size};
    struct prefixes prefixes = {0};
    bool relative = false;

    memset(instruction, 0, sizeof(*instruction));
    instruction->opcode = decode_prefixes(&cursor, instruction, &prefixes);
    if (instruction->opcode == 0x0f)
        instruction->opcode = OPCODE_TWO_BYTE | next_byte(&cursor);
    unsigned form = cursor.failed ? 0 : form_of(instruction->opcode);
    if (!form)
        return false;

    instruction->operand_size = 4;
    if (form & BYTES)
        instruction->operand_size = 1;
    else if (prefixes.rex & REX_W)
        instruction->operand_size = 8;
    else if (prefixes.operand_16)
        instruction->operand_size = 2;
    instruction->has_modrm = form & MODRM;
    if (form & MODRM)
        decode_modrm(&cursor, regs, prefixes.rex, instruction, &relative);
    if (form & IMM8)
        instruction->immediate = next_signed(&cursor, 1);
    else if (form & IMMEDIATE)
        instruction->immediate =
            next_signed(&cursor, instruction->operand_size < 4 ? instruction->operand_size : 4);
    instruction->length = (uint8_t)cursor.position;
    if (relative)
        instruction->address += regs->rip + instruction->length;
    if (instruction->address_32)
        instruction->address = (uint32_t)instruction->address;
    /* Byte registers 4-7 without REX are ah, ch, dh, bh: nobody writes page tables so. */
    if ((form & BYTES) && (form & MODRM) && !prefixes.rex && instruction->reg >= 4 &&
        !(form & (IMM8 | IMMEDIATE)))
        return false;
    return !cursor.failed;
}
