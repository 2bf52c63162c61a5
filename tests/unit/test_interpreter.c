/* SPDX-License-Identifier: MIT */
/*
 * The decoder and the arithmetic of emulated stores, against instructions as assemblers make them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hypervisor/interpreter/alu.h"
#include "hypervisor/interpreter/decode.h"

#define CF 1UL
#define ZF 0x40UL

static struct instruction decoded;
static struct cpu_user_regs regs;

static int reset(void **state)
{
    (void)state;
    regs = (struct cpu_user_regs){.rip = 0x1000,
                                  .rax = 0x1111,
                                  .rcx = 0x20,
                                  .rdx = 0x3333,
                                  .rbx = 0x4000,
                                  .rsi = 0x6000,
                                  .rdi = 0x7000,
                                  .r12 = 0xc000};
    return 0;
}

static bool decode(const char *bytes, unsigned size)
{
    return instruction_decode((const uint8_t *)bytes, size, &regs, &decoded);
}
#define DECODE(bytes) decode(bytes, sizeof(bytes) - 1)

static void addresses_of_memory_operands(void **state)
{
    (void)state;
    assert_true(DECODE("\x48\x89\x07")); /* mov %rax, (%rdi) */
    assert_int_equal(decoded.address, 0x7000);
    assert_int_equal(decoded.operand_size, 8);
    assert_int_equal(decoded.length, 3);
    assert_true(DECODE("\x48\x89\x44\xcb\xf8")); /* mov %rax, -8(%rbx, %rcx, 8) */
    assert_int_equal(decoded.address, 0x4000 + 0x100 - 8);
    assert_true(DECODE("\x49\x89\x04\x24")); /* mov %rax, (%r12) */
    assert_int_equal(decoded.address, 0xc000);
    assert_true(DECODE("\x48\x89\x05\x10\x00\x00\x00")); /* mov %rax, 0x10(%rip) */
    assert_int_equal(decoded.address, 0x1000 + 7 + 0x10);
    assert_true(DECODE("\x48\xc7\x05\x10\x00\x00\x00\xfe\xff\xff\xff")); /* movq $-2, 0x10(%rip) */
    assert_int_equal(decoded.address, 0x1000 + 11 + 0x10);
    assert_int_equal(decoded.immediate, (uint64_t)-2);
    assert_true(DECODE("\x48\x89\x04\x25\x00\x80\x00\x00")); /* mov %rax, 0x8000 */
    assert_int_equal(decoded.address, 0x8000);
}

static void prefixes_in_any_order(void **state)
{
    (void)state;
    assert_true(DECODE("\xf0\x80\x27\xfd")); /* lock andb $~2, (%rdi) */
    assert_true(decoded.lock);
    assert_int_equal(decoded.operand_size, 1);
    assert_true(DECODE("\x66\x89\x07")); /* mov %ax, (%rdi) */
    assert_int_equal(decoded.operand_size, 2);
    assert_true(DECODE("\xf3\x6d")); /* rep insl */
    assert_true(decoded.repeat);
    assert_true(DECODE("\x65\x48\x89\x07"));
    assert_int_equal(decoded.segment, 0x65);
}

static void cut_off_and_unknown_are_refused(void **state)
{
    (void)state;
    assert_false(DECODE("\x48"));
    assert_false(DECODE("\x48\x89"));
    assert_false(DECODE("\x48\xc7\x07\x01\x00\x00"));
    assert_false(DECODE("\x0f"));
    assert_false(DECODE("\x90"));
    assert_false(DECODE("\x0f\x05")); /* syscall */
    assert_false(DECODE("\x88\x27")); /* mov %ah, (%rdi) */
    assert_false(DECODE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"));
}

static uint64_t memory_operation(uint64_t memory)
{
    uint64_t result = 0;
    assert_true(alu_memory_operation(&decoded, memory, &regs, &result));
    return result;
}

static void stores(void **state)
{
    (void)state;
    assert_true(DECODE("\x48\x89\x07"));
    assert_int_equal(memory_operation(0), 0x1111);
    assert_true(DECODE("\x48\xc7\x07\xff\xff\xff\xff")); /* movq $-1, (%rdi) */
    assert_int_equal(memory_operation(0), UINT64_MAX);
    assert_true(DECODE("\xc7\x07\xff\xff\xff\xff")); /* movl $-1, (%rdi) */
    assert_int_equal(memory_operation(0), UINT32_MAX);
}

static void exchange_gives_the_old_value(void **state)
{
    (void)state;
    assert_true(DECODE("\x48\x87\x07")); /* xchg %rax, (%rdi) */
    assert_int_equal(memory_operation(0xabcd), 0x1111);
    assert_int_equal(regs.rax, 0xabcd);
}

static void compare_exchange_both_ways(void **state)
{
    (void)state;
    assert_true(DECODE("\xf0\x48\x0f\xb1\x17")); /* lock cmpxchg %rdx, (%rdi) */
    assert_int_equal(memory_operation(0x1111), 0x3333);
    assert_true(regs.rflags & ZF);
    assert_int_equal(memory_operation(0x2222), 0x2222);
    assert_false(regs.rflags & ZF);
    assert_int_equal(regs.rax, 0x2222);
}

static void arithmetic_and_flags(void **state)
{
    (void)state;
    assert_true(DECODE("\xf0\x80\x27\xfd")); /* lock andb $~2, (%rdi) */
    assert_int_equal(memory_operation(0x67), 0x65);
    assert_true(DECODE("\x48\x83\x0f\x02")); /* orq $2, (%rdi) */
    assert_int_equal(memory_operation(0x65), 0x67);
    assert_true(DECODE("\x48\x01\x07")); /* add %rax, (%rdi) */
    assert_int_equal(memory_operation(UINT64_MAX), 0x1110);
    assert_true(regs.rflags & CF);
    assert_true(DECODE("\x48\x29\x07")); /* sub %rax, (%rdi) */
    assert_int_equal(memory_operation(0x1111), 0);
    assert_true(regs.rflags & ZF);
    uint64_t unused;
    assert_true(DECODE("\x48\x83\x3f\x02")); /* cmpq $2, (%rdi): writes nothing */
    assert_false(alu_memory_operation(&decoded, 0, &regs, &unused));
}

static void bits(void **state)
{
    (void)state;
    assert_true(DECODE("\xf0\x48\x0f\xba\x37\x01")); /* lock btrq $1, (%rdi) */
    assert_int_equal(memory_operation(0x67), 0x65);
    assert_true(regs.rflags & CF);
    assert_int_equal(memory_operation(0x65), 0x65);
    assert_false(regs.rflags & CF);
    regs.rcx = 70;
    assert_true(DECODE("\x48\x0f\xab\x0f")); /* bts %rcx, (%rdi) */
    assert_int_equal(alu_bit_displacement(&decoded, &regs), 8);
    assert_int_equal(memory_operation(0), 1UL << 6);
    regs.rcx = (uint64_t)-1;
    assert_int_equal(alu_bit_displacement(&decoded, &regs), -8);
}

static void registers_by_number(void **state)
{
    (void)state;
    assert_ptr_equal(register_of(&regs, 0), &regs.rax);
    assert_ptr_equal(register_of(&regs, 4), &regs.rsp);
    assert_ptr_equal(register_of(&regs, 12), &regs.r12);
    regs.rax = UINT64_MAX;
    register_write(&regs.rax, 0, 4);
    assert_int_equal(regs.rax, 0);
    regs.rax = UINT64_MAX;
    register_write(&regs.rax, 0, 2);
    assert_int_equal(regs.rax, 0xffffffffffff0000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses_of_memory_operands, reset),
        cmocka_unit_test_setup(prefixes_in_any_order, reset),
        cmocka_unit_test_setup(cut_off_and_unknown_are_refused, reset),
        cmocka_unit_test_setup(stores, reset),
        cmocka_unit_test_setup(exchange_gives_the_old_value, reset),
        cmocka_unit_test_setup(compare_exchange_both_ways, reset),
        cmocka_unit_test_setup(arithmetic_and_flags, reset),
        cmocka_unit_test_setup(bits, reset),
        cmocka_unit_test_setup(registers_by_number, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
