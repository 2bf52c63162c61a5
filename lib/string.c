/* SPDX-License-Identifier: MIT */
#include "lib/string.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Eight bytes at a time: on processors with fast string instructions it costs nothing, and
 * under software emulation it is eight times as fast as single bytes.
 */
typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

static void copy_forward(void *destination, const void *source, size_t size)
{
    size_t words = size / sizeof(word_t);
    size_t bytes = size % sizeof(word_t);
    asm volatile("rep movsq" : "+D"(destination), "+S"(source), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(bytes) : : "memory");
}

/* Without the direction flag: an exception between `std` and `cld` would run C code backwards. */
static void copy_backward(char *destination, const char *source, size_t size)
{
    while (size >= sizeof(word_t)) {
        size -= sizeof(word_t);
        *(word_t *)(destination + size) = *(const word_t *)(source + size);
    }
    while (size > 0) {
        size--;
        destination[size] = source[size];
    }
}

void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
    copy_forward(destination, source, size);
    return destination;
}

void *memmove(void *destination, const void *source, size_t size)
{
    if ((uintptr_t)destination - (uintptr_t)source >= size)
        copy_forward(destination, source, size);
    else
        copy_backward(destination, source, size);
    return destination;
}

void *memset(void *destination, int value, size_t size)
{
    void *cursor = destination;
    uint64_t pattern = (uint8_t)value * UINT64_C(0x0101010101010101);
    size_t words = size / sizeof(word_t);
    size_t bytes = size % sizeof(word_t);
    asm volatile("rep stosq" : "+D"(cursor), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(cursor), "+c"(bytes) : "a"(pattern) : "memory");
    return destination;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left, *b = right;
    size_t i = 0;
    while (i + sizeof(word_t) <= size && *(const word_t *)(a + i) == *(const word_t *)(b + i))
        i += sizeof(word_t);
    for (; i < size; i++) {
        if (a[i] != b[i])
            return a[i] - b[i];
    }
    return 0;
}

void *memchr(const void *memory, int value, size_t size)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == (unsigned char)value)
            return (void *)(bytes + i);
    }
    return NULL;
}

size_t strlen(const char *string)
{
    const char *end = string;
    while (*end)
        end++;
    return end - string;
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;
    while (length < limit && string[length])
        length++;
    return length;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        unsigned char a = left[i], b = right[i];
        if (a != b)
            return a - b;
        if (a == 0)
            break;
    }
    return 0;
}

char *strchr(const char *string, int character)
{
    for (;; string++) {
        if (*string == (char)character)
            return (char *)string;
        if (*string == 0)
            return NULL;
    }
}

char *strrchr(const char *string, int character)
{
    const char *found = NULL;
    for (;; string++) {
        if (*string == (char)character)
            found = string;
        if (*string == 0)
            return (char *)found;
    }
}

char *strstr(const char *haystack, const char *needle)
{
    size_t length = strlen(needle);
    for (;; haystack++) {
        if (strncmp(haystack, needle, length) == 0)
            return (char *)haystack;
        if (*haystack == 0)
            return NULL;
    }
}
