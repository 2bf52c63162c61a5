/* SPDX-License-Identifier: MIT */
#include "lib/sha256.h"

#include "lib/string.h"

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, unsigned int count)
{
    return value >> count | value << (32 - count);
}

static uint32_t load(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store(uint8_t *bytes, uint32_t value)
{
    for (unsigned int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void schedule(uint32_t words[64], const uint8_t *block)
{
    for (unsigned int i = 0; i < 16; i++)
        words[i] = load(block + 4 * i);
    for (unsigned int i = 16; i < 64; i++) {
        uint32_t x = words[i - 15], y = words[i - 2];
        uint32_t s0 = rotate(x, 7) ^ rotate(x, 18) ^ x >> 3;
        uint32_t s1 = rotate(y, 17) ^ rotate(y, 19) ^ y >> 10;

        words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t words[64], v[8];

    schedule(words, block);
    memcpy(v, state, sizeof(v));
    for (unsigned int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t first = v[7] + s1 + choice + round_constants[i] + words[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

        v[7] = v[6];
        v[6] = v[5];
        v[5] = v[4];
        v[4] = v[3] + first;
        v[3] = v[2];
        v[2] = v[1];
        v[1] = v[0];
        v[0] = first + s0 + majority;
    }
    for (unsigned int i = 0; i < 8; i++)
        state[i] += v[i];
}

/* The first 32 bits of the fractional parts of the square roots of the first 8 primes. */
void sha256_start(struct sha256 *sha256)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(sha256->state, start, sizeof(start));
    sha256->size = 0;
}

void sha256_add(struct sha256 *sha256, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    while (size > 0) {
        size_t used = sha256->size % SHA256_BLOCK_SIZE;
        size_t part = SHA256_BLOCK_SIZE - used;

        if (part > size)
            part = size;
        if (part == SHA256_BLOCK_SIZE) {
            compress(sha256->state, bytes);
        } else {
            memcpy(sha256->block + used, bytes, part);
            if (used + part == SHA256_BLOCK_SIZE)
                compress(sha256->state, sha256->block);
        }
        sha256->size += part;
        bytes += part;
        size -= part;
    }
}

void sha256_finish(struct sha256 *sha256, uint8_t digest[SHA256_SIZE])
{
    static const uint8_t padding[SHA256_BLOCK_SIZE] = {0x80};
    uint64_t bits = sha256->size * 8;
    size_t used = sha256->size % SHA256_BLOCK_SIZE;
    uint8_t length[8];

    sha256_add(sha256, padding, (used < 56 ? 56 : 120) - used);
    store(length, (uint32_t)(bits >> 32));
    store(length + 4, (uint32_t)bits);
    sha256_add(sha256, length, sizeof(length));
    for (unsigned int i = 0; i < 8; i++)
        store(digest + 4 * i, sha256->state[i]);
}

void sha256_finish_text(struct sha256 *sha256, char text[SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_SIZE];

    sha256_finish(sha256, digest);
    for (unsigned int i = 0; i < SHA256_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * SHA256_SIZE] = '\0';
}
