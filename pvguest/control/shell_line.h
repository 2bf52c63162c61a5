/* SPDX-License-Identifier: MIT */
/*
 * Editing one line of terminal input: backspace, Ctrl-U, Ctrl-W, Ctrl-C, up and down through the
 * last lines. Pure state machine: characters in, characters to show out through a function.
 */
#pragma once

#include <stddef.h>

#define LINE_SIZE    256
#define LINE_HISTORY 8

enum line_event { LINE_MORE, LINE_COMPLETE, LINE_CANCELLED };

struct line_editor {
    void (*show)(const char *data, size_t size);
    const char *prompt;
    char text[LINE_SIZE]; /* always terminated */
    size_t length;
    int previous; /* the character before, for CR LF and escape sequences */
    enum { LINE_PLAIN, LINE_ESCAPE, LINE_BRACKET } sequence;
    char history[LINE_HISTORY][LINE_SIZE];
    unsigned int history_count, history_position; /* count: all lines ever; position: steps back */
};

void line_editor_init(struct line_editor *editor, const char *prompt,
                      void (*show)(const char *data, size_t size));

/* An empty line and its prompt. */
void line_editor_begin(struct line_editor *editor);

/* One character; at LINE_COMPLETE the line is in `text` (and in the history unless empty). */
enum line_event line_editor_feed(struct line_editor *editor, char character);

/* Take the prompt and what was typed from the screen, and put them back, around other output. */
void line_editor_hide(struct line_editor *editor);
void line_editor_redraw(struct line_editor *editor);
