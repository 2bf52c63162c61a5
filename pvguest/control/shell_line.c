/* SPDX-License-Identifier: MIT */
#include "pvguest/control/shell_line.h"

#include "lib/string.h"

#define CONTROL(letter) ((letter) - '@')
#define DELETE          0x7f
#define ESCAPE          0x1b

static void show(const struct line_editor *editor, const char *text)
{
    editor->show(text, strlen(text));
}

void line_editor_init(struct line_editor *editor, const char *prompt,
                      void (*show_function)(const char *data, size_t size))
{
    memset(editor, 0, sizeof *editor);
    editor->prompt = prompt;
    editor->show = show_function;
}

void line_editor_redraw(struct line_editor *editor)
{
    show(editor, editor->prompt);
    show(editor, editor->text);
}

void line_editor_hide(struct line_editor *editor)
{
    show(editor, "\r\033[K");
}

static void reset(struct line_editor *editor)
{
    editor->length = 0;
    editor->text[0] = '\0';
    editor->history_position = 0;
    editor->sequence = LINE_PLAIN;
}

void line_editor_begin(struct line_editor *editor)
{
    reset(editor);
    line_editor_redraw(editor);
}

static void erase_last(struct line_editor *editor)
{
    if (!editor->length)
        return;
    editor->text[--editor->length] = '\0';
    show(editor, "\b \b");
}

static void erase_word(struct line_editor *editor)
{
    while (editor->length && editor->text[editor->length - 1] == ' ')
        erase_last(editor);
    while (editor->length && editor->text[editor->length - 1] != ' ')
        erase_last(editor);
}

static void erase_all(struct line_editor *editor)
{
    while (editor->length)
        erase_last(editor);
}

static void insert(struct line_editor *editor, char character)
{
    if (editor->length + 1 == sizeof editor->text)
        return;
    editor->text[editor->length++] = character;
    editor->text[editor->length] = '\0';
    editor->show(&character, 1);
}

static void remember(struct line_editor *editor)
{
    char *slot = editor->history[editor->history_count % LINE_HISTORY];

    if (!editor->length)
        return;
    if (editor->history_count &&
        strcmp(editor->history[(editor->history_count - 1) % LINE_HISTORY], editor->text) == 0)
        return;
    memcpy(slot, editor->text, editor->length + 1);
    editor->history_count++;
}

/* Show the line `position` steps back; 0 is a new one. */
static void recall(struct line_editor *editor, unsigned int position)
{
    const char *line;

    if (position > LINE_HISTORY || position > editor->history_count)
        return;
    erase_all(editor);
    editor->history_position = position;
    line = position ? editor->history[(editor->history_count - position) % LINE_HISTORY] : "";
    while (*line)
        insert(editor, *line++);
}

/* Escape sequences of a terminal's cursor keys; all others vanish. */
static void feed_sequence(struct line_editor *editor, char character)
{
    if (editor->sequence == LINE_ESCAPE) {
        editor->sequence = character == '[' || character == 'O' ? LINE_BRACKET : LINE_PLAIN;
        return;
    }
    if (character < '@')
        return; /* parameters of the sequence */
    editor->sequence = LINE_PLAIN;
    if (character == 'A')
        recall(editor, editor->history_position + 1);
    else if (character == 'B' && editor->history_position)
        recall(editor, editor->history_position - 1);
}

static enum line_event feed_plain(struct line_editor *editor, char character, int previous)
{
    switch (character) {
    case '\n':
        if (previous == '\r')
            return LINE_MORE;
        /* fall through */
    case '\r':
        show(editor, "\n");
        remember(editor);
        return LINE_COMPLETE;
    case CONTROL('C'):
        show(editor, "^C\n");
        reset(editor);
        return LINE_CANCELLED;
    case CONTROL('H'):
    case DELETE:
        erase_last(editor);
        break;
    case CONTROL('U'):
        erase_all(editor);
        break;
    case CONTROL('W'):
        erase_word(editor);
        break;
    case ESCAPE:
        editor->sequence = LINE_ESCAPE;
        break;
    default:
        if (character >= ' ' && character < DELETE)
            insert(editor, character);
    }
    return LINE_MORE;
}

enum line_event line_editor_feed(struct line_editor *editor, char character)
{
    int previous = editor->previous;

    editor->previous = (unsigned char)character;
    if (editor->sequence == LINE_PLAIN)
        return feed_plain(editor, character, previous);
    feed_sequence(editor, character);
    return LINE_MORE;
}
