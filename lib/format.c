/* SPDX-License-Identifier: MIT */
#include "lib/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "lib/string.h"

/* Where the characters go; `length` counts those that did not fit as well. */
struct output {
    char *buffer;
    size_t size;
    size_t length;
};

/* One conversion specification. A negative precision means that none was given. */
struct conversion {
    bool left, zero, plus, space, alternate;
    int width, precision;
    unsigned bytes; /* of the integer argument */
    char type;
};

static void put(struct output *output, char character)
{
    if (output->length + 1 < output->size)
        output->buffer[output->length] = character;
    output->length++;
}

static void put_many(struct output *output, char character, long count)
{
    while (count-- > 0)
        put(output, character);
}

static void put_text(struct output *output, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(output, text[i]);
}

static int parse_number(const char **format)
{
    int number = 0;
    for (; **format >= '0' && **format <= '9'; (*format)++) {
        if (number < INT32_MAX / 10 - 1)
            number = number * 10 + (**format - '0');
    }
    return number;
}

static const char *parse_flags(const char *format, struct conversion *conversion)
{
    for (;; format++) {
        switch (*format) {
        case '-':
            conversion->left = true;
            break;
        case '0':
            conversion->zero = true;
            break;
        case '+':
            conversion->plus = true;
            break;
        case ' ':
            conversion->space = true;
            break;
        case '#':
            conversion->alternate = true;
            break;
        default:
            return format;
        }
    }
}

static const char *parse_length(const char *format, struct conversion *conversion)
{
    conversion->bytes = sizeof(int);
    switch (*format) {
    case 'h':
        conversion->bytes = format[1] == 'h' ? sizeof(char) : sizeof(short);
        return format[1] == 'h' ? format + 2 : format + 1;
    case 'l':
        conversion->bytes = sizeof(long);
        return format[1] == 'l' ? format + 2 : format + 1;
    case 'z':
    case 't':
    case 'j':
        conversion->bytes = sizeof(uint64_t);
        return format + 1;
    default:
        return format;
    }
}

/* Sign-extend or truncate a promoted argument to the width that its length modifier names. */
static uint64_t narrow_argument(uint64_t value, const struct conversion *conversion)
{
    unsigned unused = 64 - conversion->bytes * 8;
    if (conversion->type == 'd' || conversion->type == 'i')
        return (int64_t)(value << unused) >> unused;
    return value << unused >> unused;
}

/* Digits of a number, written backwards from `end`; returns the first. Zero gives none. */
static char *digits_before(char *end, uint64_t value, unsigned base, const char *alphabet)
{
    for (; value != 0; value /= base)
        *--end = alphabet[value % base];
    return end;
}

/* What stands before the digits: a sign or 0x. */
static const char *number_prefix(const struct conversion *conversion, bool negative, uint64_t value)
{
    switch (conversion->type) {
    case 'd':
    case 'i':
        return negative ? "-" : conversion->plus ? "+" : conversion->space ? " " : "";
    case 'x':
        return conversion->alternate && value ? "0x" : "";
    case 'X':
        return conversion->alternate && value ? "0X" : "";
    case 'p':
        return "0x";
    default:
        return "";
    }
}

static void put_number(struct output *output, const struct conversion *conversion, uint64_t value)
{
    char digits[20];
    bool is_signed = conversion->type == 'd' || conversion->type == 'i';
    bool negative = is_signed && (int64_t)value < 0;
    if (negative)
        value = -value;

    unsigned base = is_signed || conversion->type == 'u' ? 10 : 16;
    const char *alphabet = conversion->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    const char *prefix = number_prefix(conversion, negative, value);
    const char *first = digits_before(digits + sizeof(digits), value, base, alphabet);
    long count = digits + sizeof(digits) - first;
    long zeros = (conversion->precision < 0 ? 1 : conversion->precision) - count;
    if (zeros < 0)
        zeros = 0;
    long padding = conversion->width - (long)strlen(prefix) - zeros - count;
    if (conversion->zero && !conversion->left && conversion->precision < 0 && padding > 0) {
        zeros += padding;
        padding = 0;
    }

    if (!conversion->left)
        put_many(output, ' ', padding);
    put_text(output, prefix, strlen(prefix));
    put_many(output, '0', zeros);
    put_text(output, first, count);
    if (conversion->left)
        put_many(output, ' ', padding);
}

static void put_string(struct output *output, const struct conversion *conversion, const char *text)
{
    if (!text)
        text = "(null)";
    size_t length = conversion->precision < 0 ? strlen(text) : strnlen(text, conversion->precision);
    if (!conversion->left)
        put_many(output, ' ', conversion->width - (long)length);
    put_text(output, text, length);
    if (conversion->left)
        put_many(output, ' ', conversion->width - (long)length);
}

static void put_character(struct output *output, const struct conversion *conversion, char value)
{
    if (!conversion->left)
        put_many(output, ' ', conversion->width - 1L);
    put(output, value);
    if (conversion->left)
        put_many(output, ' ', conversion->width - 1L);
}

/* A wrapped va_list: passing the bare array type on by address is not portable. */
struct arguments {
    va_list list;
};

/* Flags, width, precision, length and type; returns what follows them. */
static const char *parse_conversion(const char *format, struct conversion *conversion,
                                    struct arguments *arguments)
{
    format = parse_flags(format, conversion);
    if (*format == '*') {
        conversion->width = va_arg(arguments->list, int);
        if (conversion->width < 0 && conversion->width != INT32_MIN) {
            conversion->left = true;
            conversion->width = -conversion->width;
        }
        format++;
    } else {
        conversion->width = parse_number(&format);
    }
    conversion->precision = -1;
    if (*format == '.') {
        format++;
        if (*format == '*') {
            conversion->precision = va_arg(arguments->list, int);
            format++;
        } else {
            conversion->precision = parse_number(&format);
        }
    }
    format = parse_length(format, conversion);
    conversion->type = *format;
    return *format ? format + 1 : format;
}

static void put_conversion(struct output *output, struct conversion *conversion,
                           struct arguments *arguments)
{
    uint64_t value;
    switch (conversion->type) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
        if (conversion->bytes == sizeof(uint64_t))
            value = va_arg(arguments->list, uint64_t);
        else
            value = va_arg(arguments->list, unsigned);
        put_number(output, conversion, narrow_argument(value, conversion));
        break;
    case 'p':
        put_number(output, conversion, (uintptr_t)va_arg(arguments->list, void *));
        break;
    case 's':
        put_string(output, conversion, va_arg(arguments->list, const char *));
        break;
    case 'c':
        put_character(output, conversion, (char)va_arg(arguments->list, int));
        break;
    case 0:
        break;
    default:
        put(output, conversion->type); /* `%%`, and what is unknown shows itself */
        break;
    }
}

int format_text_va(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output output = {.buffer = buffer, .size = size};
    struct arguments copy;
    va_copy(copy.list, arguments);
    while (*format) {
        if (*format != '%') {
            put(&output, *format++);
            continue;
        }
        struct conversion conversion = {.bytes = sizeof(int)};
        format = parse_conversion(format + 1, &conversion, &copy);
        put_conversion(&output, &conversion, &copy);
    }
    va_end(copy.list);
    if (size > 0)
        buffer[output.length < size ? output.length : size - 1] = 0;
    return output.length > INT32_MAX ? INT32_MAX : (int)output.length;
}

int format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = format_text_va(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
