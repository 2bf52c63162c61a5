/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/power.h"

#include "lib/string.h"

/* AML opcodes (ACPI specification 6.4, 20.2). */
#define AML_NAME_OP    0x08
#define AML_PACKAGE_OP 0x12
#define AML_BYTE       0x0a
#define AML_WORD       0x0b
#define AML_DWORD      0x0c
#define AML_ZERO       0x00
#define AML_ONE        0x01

/* A small constant at *position; false at the end or where it is none. */
static bool read_constant(const uint8_t *table, size_t size, size_t *position, uint8_t *value)
{
    size_t at = *position, width = 0;

    if (at >= size)
        return false;
    switch (table[at]) {
    case AML_ZERO:
    case AML_ONE:
        *value = table[at];
        *position = at + 1;
        return true;
    case AML_BYTE:
        width = 1;
        break;
    case AML_WORD:
        width = 2;
        break;
    case AML_DWORD:
        width = 4;
        break;
    default:
        return false;
    }
    if (size - at <= width)
        return false;
    *value = table[at + 1];
    *position = at + 1 + width;
    return true;
}

/* Name (_S5_, Package () { type_a, type_b, ... }) at `at`, the position of the name. */
static bool read_package(const uint8_t *table, size_t size, size_t at, uint8_t type[2])
{
    bool named = (at >= 1 && table[at - 1] == AML_NAME_OP) ||
                 (at >= 2 && table[at - 1] == '\\' && table[at - 2] == AML_NAME_OP);
    size_t position = at + 4;

    if (!named || size - position < 4 || table[position] != AML_PACKAGE_OP)
        return false;
    /* Package length: the two top bits tell how many bytes follow; then the element count. */
    position += 1 + 1 + (table[position + 1] >> 6) + 1;
    return read_constant(table, size, &position, &type[0]) &&
           read_constant(table, size, &position, &type[1]);
}

bool power_find_soft_off(const uint8_t *table, size_t size, uint8_t type[2])
{
    for (size_t at = 0; at + 8 <= size; at++)
        if (memcmp(table + at, "_S5_", 4) == 0 && read_package(table, size, at, type))
            return true;
    return false;
}
