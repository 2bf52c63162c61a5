/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_checksum.h"

#define POLYNOMIAL 0xedb88320u

uint32_t disk_checksum(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t remainder = 0xffffffffu;

    for (size_t i = 0; i < size; i++) {
        remainder ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder >> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    }
    return ~remainder;
}
