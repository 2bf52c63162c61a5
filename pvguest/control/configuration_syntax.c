/* SPDX-License-Identifier: MIT */
#include "pvguest/control/configuration_syntax.h"

#include <stdarg.h>
#include <xen/errno.h>

#include "lib/format.h"
#include "lib/string.h"

#define REPORT_SIZE 256

static const char storage_full[] = "the configuration is too large";

void syntax_report(const struct syntax *syntax, unsigned line, const char *format, ...)
{
    char message[REPORT_SIZE];
    va_list arguments;
    int used;

    if (!syntax->report)
        return;
    used = format_text(message, sizeof message, "%s:%u: ", syntax->file_name, line);
    if (used < 0 || (size_t)used >= sizeof message)
        used = 0;
    va_start(arguments, format);
    format_text_va(message + used, sizeof message - (size_t)used, format, arguments);
    va_end(arguments);
    syntax->report(syntax->report_argument, message);
}

char *storage_keep(struct configuration_storage *storage, const char *bytes, size_t size)
{
    char *kept = storage->bytes + storage->used;

    if (size >= storage->size - storage->used)
        return NULL;
    memcpy(kept, bytes, size);
    kept[size] = '\0';
    storage->used += size + 1;
    return kept;
}

static int refuse(const struct syntax *syntax, const char *what)
{
    syntax_report(syntax, syntax->line, "config parsing error: %s", what);
    return -XEN_EINVAL;
}

static int peek(const struct syntax *syntax)
{
    return syntax->position < syntax->size ? (unsigned char)syntax->text[syntax->position] : -1;
}

static int advance(struct syntax *syntax)
{
    int character = peek(syntax);

    if (character >= 0)
        syntax->position++;
    if (character == '\n')
        syntax->line++;
    return character;
}

static bool is_digit(int character)
{
    return character >= '0' && character <= '9';
}

static bool is_name_start(int character)
{
    return character == '_' || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z');
}

/* Blanks and comments; newlines too where they mean nothing (inside a list, between settings). */
static void skip_blank(struct syntax *syntax, bool newlines)
{
    for (;;) {
        int character = peek(syntax);

        if (character == '#') {
            while (peek(syntax) >= 0 && peek(syntax) != '\n')
                advance(syntax);
        } else if (character == ' ' || character == '\t' || character == '\r' ||
                   (newlines && character == '\n')) {
            advance(syntax);
        } else {
            return;
        }
    }
}

static int hex_value(int character)
{
    if (is_digit(character))
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* What follows a backslash. The value of the character, or -1 when there is no such escape. */
static int read_escape(struct syntax *syntax)
{
    static const char letters[] = "abfnrtv\\'\"";
    static const char values[] = "\a\b\f\n\r\t\v\\'\"";
    int character = advance(syntax), high, low;
    const char *known;

    if (character == 'x') {
        high = hex_value(advance(syntax));
        low = hex_value(advance(syntax));
        return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
    }
    known = character > 0 ? memchr(letters, character, sizeof letters - 1) : NULL;
    return known ? values[known - letters] : -1;
}

static int read_quoted(struct syntax *syntax, const char **value)
{
    struct configuration_storage *storage = syntax->storage;
    size_t start = storage->used;
    int quote = advance(syntax), character;

    while ((character = peek(syntax)) != quote) {
        if (character < 0 || character == '\n')
            return refuse(syntax, "unterminated string");
        advance(syntax);
        if (character == '\\' && (character = read_escape(syntax)) < 0)
            return refuse(syntax, "unknown escape in string");
        if (character == 0)
            return refuse(syntax, "null character in string");
        if (storage->used + 1 >= storage->size)
            return refuse(syntax, storage_full);
        storage->bytes[storage->used++] = (char)character;
    }
    advance(syntax);
    if (storage->used >= storage->size)
        return refuse(syntax, storage_full);
    storage->bytes[storage->used++] = '\0';
    *value = storage->bytes + start;
    return 0;
}

static int read_number(struct syntax *syntax, const char **value)
{
    size_t start = syntax->position;

    while (is_digit(peek(syntax)) || is_name_start(peek(syntax)))
        advance(syntax);
    *value = storage_keep(syntax->storage, syntax->text + start, syntax->position - start);
    return *value ? 0 : refuse(syntax, storage_full);
}

static int read_atom(struct syntax *syntax, const char **value)
{
    int character = peek(syntax);

    if (character == '"' || character == '\'')
        return read_quoted(syntax, value);
    if (is_digit(character))
        return read_number(syntax, value);
    if (character == '[')
        return refuse(syntax, "nested lists are not supported");
    return refuse(syntax, "a number, a string in quotes or a list in brackets is expected");
}

/* Items between commas; one comma behind the last is allowed. */
static int read_list(struct syntax *syntax, struct syntax_setting *setting)
{
    int status;

    setting->is_list = true;
    setting->count = 0;
    advance(syntax);
    for (;;) {
        skip_blank(syntax, true);
        if (peek(syntax) == ']')
            break;
        if (setting->count == SYNTAX_MAX_ITEMS)
            return refuse(syntax, "too many items in a list");
        status = read_atom(syntax, &setting->items[setting->count]);
        if (status < 0)
            return status;
        setting->count++;
        skip_blank(syntax, true);
        if (peek(syntax) == ',')
            advance(syntax);
        else if (peek(syntax) != ']')
            return refuse(syntax, "`,' or `]' is expected in a list");
    }
    advance(syntax);
    return 0;
}

static int read_name(struct syntax *syntax, struct syntax_setting *setting)
{
    size_t length = 0;

    if (!is_name_start(peek(syntax)))
        return refuse(syntax, "a name is expected");
    while (is_name_start(peek(syntax)) || is_digit(peek(syntax))) {
        if (length + 1 == sizeof setting->name)
            return refuse(syntax, "the name is too long");
        setting->name[length++] = (char)advance(syntax);
    }
    setting->name[length] = '\0';
    return 0;
}

static int read_operator(struct syntax *syntax, struct syntax_setting *setting)
{
    skip_blank(syntax, false);
    setting->append = peek(syntax) == '+';
    if (setting->append)
        advance(syntax);
    if (peek(syntax) != '=')
        return refuse(syntax, "`=' is expected behind the name");
    advance(syntax);
    skip_blank(syntax, false);
    return 0;
}

static int read_value(struct syntax *syntax, struct syntax_setting *setting)
{
    setting->is_list = false;
    setting->count = 1;
    setting->is_quoted = peek(syntax) == '"' || peek(syntax) == '\'';
    if (peek(syntax) == '[')
        return read_list(syntax, setting);
    return read_atom(syntax, &setting->items[0]);
}

int syntax_next(struct syntax *syntax, struct syntax_setting *setting)
{
    int status;

    do
        skip_blank(syntax, true);
    while (peek(syntax) == ';' && advance(syntax));
    if (peek(syntax) < 0)
        return 0;
    setting->line = syntax->line;
    if ((status = read_name(syntax, setting)) < 0 ||
        (status = read_operator(syntax, setting)) < 0 || (status = read_value(syntax, setting)) < 0)
        return status;
    skip_blank(syntax, false);
    if (peek(syntax) >= 0 && peek(syntax) != '\n' && peek(syntax) != ';')
        return refuse(syntax, "text behind the value");
    return 1;
}
