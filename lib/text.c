/* SPDX-License-Identifier: MIT */
#include "lib/text.h"

#include "lib/string.h"

bool text_copy(char *destination, const char *source, size_t size)
{
    size_t length = strnlen(source, size);
    bool fits = length < size;
    if (!fits)
        length = size - 1;
    memcpy(destination, source, length);
    destination[length] = 0;
    return fits;
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Value of a digit in bases up to 16, or 16 for anything else. */
static unsigned digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return 16;
}

bool text_parse_unsigned(const char **cursor, uint64_t *value)
{
    const char *text = *cursor;
    unsigned base = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_value(text[2]) < 16) {
        base = 16;
        text += 2;
    }
    if (digit_value(*text) >= base)
        return false;

    uint64_t number = 0;
    for (; digit_value(*text) < base; text++) {
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, digit_value(*text), &number))
            return false;
    }
    *cursor = text;
    *value = number;
    return true;
}

/* Binary logarithm of a size suffix, 0 if the character is none. */
static unsigned suffix_shift(char character)
{
    switch (character) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return 0;
    }
}

bool text_parse_size(const char **cursor, uint64_t *bytes)
{
    const char *text = *cursor;
    uint64_t number;
    if (!text_parse_unsigned(&text, &number))
        return false;

    unsigned shift = suffix_shift(*text);
    if (__builtin_mul_overflow(number, UINT64_C(1) << shift, &number))
        return false;
    *cursor = shift ? text + 1 : text;
    *bytes = number;
    return true;
}

static bool is_blank(char character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

/* Copy `length` characters with truncation and termination. */
static void copy_bounded(char *destination, size_t size, const char *source, size_t length)
{
    if (size == 0)
        return;
    if (length >= size)
        length = size - 1;
    memcpy(destination, source, length);
    destination[length] = 0;
}

bool text_option(const char *command_line, const char *name, char *value, size_t size)
{
    size_t name_length = strlen(name);
    bool found = false;
    const char *word = command_line;
    while (*word) {
        const char *end = word;
        while (*end && !is_blank(*end))
            end++;
        if (strncmp(word, name, name_length) == 0) {
            const char *rest = word + name_length;
            if (rest == end || *rest == '=') {
                const char *start = rest == end ? end : rest + 1;
                copy_bounded(value, size, start, end - start);
                found = true;
            }
        }
        word = end;
        while (is_blank(*word))
            word++;
    }
    return found;
}

uint64_t text_option_unsigned(const char *command_line, const char *name, uint64_t otherwise)
{
    char text[32];
    const char *cursor = text;
    uint64_t value;

    if (!text_option(command_line, name, text, sizeof(text)) ||
        !text_parse_unsigned(&cursor, &value))
        return otherwise;
    return value;
}
