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

enum immediate { IMMEDIATE_NONE, IMMEDIATE_BYTE, IMMEDIATE_OPERAND /* 1, 2 or 4 bytes */ };

struct opcode_form {
    uint16_t first, last;
    bool byte_operand, modrm;
    enum immediate immediate;
};

/* What is emulated somewhere: privileged instructions and stores to page tables. */
static const struct opcode_form opcode_forms[] = {
    {0x00, 0x00, true, true, IMMEDIATE_NONE},  /* add, or, adc, sbb, and, sub, xor: */
    {0x01, 0x01, false, true, IMMEDIATE_NONE}, /*   register to memory              */
    {0x08, 0x08, true, true, IMMEDIATE_NONE},
    {0x09, 0x09, false, true, IMMEDIATE_NONE},
    {0x20, 0x20, true, true, IMMEDIATE_NONE},
    {0x21, 0x21, false, true, IMMEDIATE_NONE},
    {0x28, 0x28, true, true, IMMEDIATE_NONE},
    {0x29, 0x29, false, true, IMMEDIATE_NONE},
    {0x30, 0x30, true, true, IMMEDIATE_NONE},
    {0x31, 0x31, false, true, IMMEDIATE_NONE},
    {0x6c, 0x6c, true, false, IMMEDIATE_NONE}, /* ins, outs */
    {0x6d, 0x6d, false, false, IMMEDIATE_NONE},
    {0x6e, 0x6e, true, false, IMMEDIATE_NONE},
    {0x6f, 0x6f, false, false, IMMEDIATE_NONE},
    {0x80, 0x80, true, true, IMMEDIATE_BYTE}, /* the same with an immediate */
    {0x81, 0x81, false, true, IMMEDIATE_OPERAND},
    {0x83, 0x83, false, true, IMMEDIATE_BYTE},
    {0x86, 0x86, true, true, IMMEDIATE_NONE}, /* xchg, mov */
    {0x87, 0x87, false, true, IMMEDIATE_NONE},
    {0x88, 0x88, true, true, IMMEDIATE_NONE},
    {0x89, 0x89, false, true, IMMEDIATE_NONE},
    {0xc6, 0xc6, true, true, IMMEDIATE_BYTE},
    {0xc7, 0xc7, false, true, IMMEDIATE_OPERAND},
    {0xcd, 0xcd, false, false, IMMEDIATE_BYTE}, /* int */
    {0xe4, 0xe4, true, false, IMMEDIATE_BYTE},  /* in, out */
    {0xe5, 0xe5, false, false, IMMEDIATE_BYTE},
    {0xe6, 0xe6, true, false, IMMEDIATE_BYTE},
    {0xe7, 0xe7, false, false, IMMEDIATE_BYTE},
    {0xec, 0xec, true, false, IMMEDIATE_NONE},
    {0xed, 0xed, false, false, IMMEDIATE_NONE},
    {0xee, 0xee, true, false, IMMEDIATE_NONE},
    {0xef, 0xef, false, false, IMMEDIATE_NONE},
    {0xfa, 0xfb, false, false, IMMEDIATE_NONE},     /* cli, sti */
    {0x0f01, 0x0f01, false, true, IMMEDIATE_NONE},  /* xsetbv, invlpg, smsw, lmsw */
    {0x0f06, 0x0f06, false, false, IMMEDIATE_NONE}, /* clts */
    {0x0f08, 0x0f09, false, false, IMMEDIATE_NONE}, /* invd, wbinvd */
    {0x0f20, 0x0f23, false, true, IMMEDIATE_NONE},  /* mov to and from control, debug registers */
    {0x0f30, 0x0f30, false, false, IMMEDIATE_NONE}, /* wrmsr */
    {0x0f32, 0x0f32, false, false, IMMEDIATE_NONE}, /* rdmsr */
    {0x0fa2, 0x0fa2, false, false, IMMEDIATE_NONE}, /* cpuid */
    {0x0fab, 0x0fab, false, true, IMMEDIATE_NONE},  /* bts, btr, btc */
    {0x0fb3, 0x0fb3, false, true, IMMEDIATE_NONE},
    {0x0fbb, 0x0fbb, false, true, IMMEDIATE_NONE},
    {0x0fba, 0x0fba, false, true, IMMEDIATE_BYTE},
    {0x0fb0, 0x0fb0, true, true, IMMEDIATE_NONE}, /* cmpxchg */
    {0x0fb1, 0x0fb1, false, true, IMMEDIATE_NONE},
    {0x0fc0, 0x0fc0, true, true, IMMEDIATE_NONE}, /* xadd */
    {0x0fc1, 0x0fc1, false, true, IMMEDIATE_NONE},
    {0x0fc3, 0x0fc3, false, true, IMMEDIATE_NONE}, /* movnti */
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

uint64_t *register_of(struct cpu_user_regs *regs, unsigned number)
{
    static const uint8_t offsets[16] = {
        offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
        offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
        offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
        offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
        offsetof(struct cpu_user_regs, r8),  offsetof(struct cpu_user_regs, r9),
        offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
        offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
        offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
    };
    return (uint64_t *)((char *)regs + offsets[number & 15]);
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

static const struct opcode_form *form_of(uint16_t opcode)
{
    for (unsigned i = 0; i < sizeof(opcode_forms) / sizeof(opcode_forms[0]); i++)
        if (opcode >= opcode_forms[i].first && opcode <= opcode_forms[i].last)
            return &opcode_forms[i];
    return NULL;
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

static uint64_t scaled_index(struct cpu_user_regs *regs, uint8_t sib, uint8_t rex, unsigned mod,
                             struct cursor *cursor)
{
    unsigned base = (sib & 7) | (rex & REX_B ? 8 : 0);
    unsigned index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0);
    uint64_t address = 0;

    if ((sib & 7) == 5 && mod == 0)
        address = next_signed(cursor, 4);
    else
        address = *register_of(regs, base);
    if (index != 4)
        address += *register_of(regs, index) << (sib >> 6);
    return address;
}

/* ModRM and what follows it. `*relative` is set when rip must be added once the length is known. */
static void decode_modrm(struct cursor *cursor, struct cpu_user_regs *regs, uint8_t rex,
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
        instruction->address = *register_of(regs, instruction->rm);
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
    struct cpu_user_regs copy = *regs;
    bool relative = false;

    memset(instruction, 0, sizeof(*instruction));
    instruction->opcode = decode_prefixes(&cursor, instruction, &prefixes);
    if (instruction->opcode == 0x0f)
        instruction->opcode = OPCODE_TWO_BYTE | next_byte(&cursor);
    const struct opcode_form *form = cursor.failed ? NULL : form_of(instruction->opcode);
    if (!form)
        return false;

    instruction->operand_size = 4;
    if (form->byte_operand)
        instruction->operand_size = 1;
    else if (prefixes.rex & REX_W)
        instruction->operand_size = 8;
    else if (prefixes.operand_16)
        instruction->operand_size = 2;
    instruction->has_modrm = form->modrm;
    if (form->modrm)
        decode_modrm(&cursor, &copy, prefixes.rex, instruction, &relative);
    if (form->immediate == IMMEDIATE_BYTE)
        instruction->immediate = next_signed(&cursor, 1);
    else if (form->immediate == IMMEDIATE_OPERAND)
        instruction->immediate =
            next_signed(&cursor, instruction->operand_size < 4 ? instruction->operand_size : 4);
    instruction->length = (uint8_t)cursor.position;
    if (relative)
        instruction->address += regs->rip + instruction->length;
    if (instruction->address_32)
        instruction->address = (uint32_t)instruction->address;
    /* Byte registers 4-7 without REX are ah, ch, dh, bh: nobody writes page tables so. */
    if (form->byte_operand && form->modrm && !prefixes.rex && instruction->reg >= 4 &&
        form->immediate == IMMEDIATE_NONE)
        return false;
    return !cursor.failed;
}
