/* SPDX-License-Identifier: MIT */
#include "pvguest/control/shell_words.h"

char *shell_next_command(char **rest)
{
    char *start = *rest, *cursor = start, quote = '\0';

    if (!start || !*start)
        return NULL;
    for (; *cursor; cursor++) {
        if (quote)
            quote = *cursor == quote ? '\0' : quote;
        else if (*cursor == '\'' || *cursor == '"')
            quote = *cursor;
        else if (*cursor == ';')
            break;
    }
    *rest = *cursor ? cursor + 1 : cursor;
    *cursor = '\0';
    return start;
}

static int is_blank(char character)
{
    return character == ' ' || character == '\t';
}

/* Copy one word onto itself without its quotes; the place behind it, or NULL for an open quote. */
static char *strip_word(char *word)
{
    char *to = word, *from = word, quote = '\0';

    while (*from && (quote || !is_blank(*from))) {
        if (quote && *from == quote)
            quote = '\0';
        else if (!quote && (*from == '\'' || *from == '"'))
            quote = *from;
        else
            *to++ = *from;
        from++;
    }
    if (quote)
        return NULL;
    if (*from)
        from++;
    *to = '\0';
    return from;
}

int shell_split_words(char *line, char *words[SHELL_MAX_WORDS + 1])
{
    int count = 0;

    for (;;) {
        while (is_blank(*line))
            line++;
        words[count] = NULL;
        if (!*line)
            return count;
        if (count == SHELL_MAX_WORDS)
            return -2;
        words[count++] = line;
        line = strip_word(line);
        if (!line)
            return -1;
    }
}
