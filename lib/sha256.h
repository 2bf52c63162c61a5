/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4), to compare what has arrived with what was sent. Pure, no allocation.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE       32
#define SHA256_BLOCK_SIZE 64
#define SHA256_TEXT_SIZE  (2 * SHA256_SIZE + 1)

struct sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t block[SHA256_BLOCK_SIZE];
};

void sha256_start(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, const void *data, size_t size);
void sha256_finish(struct sha256 *sha256, uint8_t digest[SHA256_SIZE]);

/* The same as hexadecimal digits. */
void sha256_finish_text(struct sha256 *sha256, char text[SHA256_TEXT_SIZE]);
