/* SPDX-License-Identifier: MIT */
#include "pvguest/control/shell.h"

#include <stdint.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/notice.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/control/shell_input.h"
#include "pvguest/control/shell_line.h"
#include "pvguest/control/shell_words.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/thread.h"

static struct line_editor editor;
/* Whether the prompt is on the screen, so that a notice must step around it. */
static bool prompting;

static void hide_prompt(void)
{
    if (prompting)
        line_editor_hide(&editor);
}

static void redraw_prompt(void)
{
    if (prompting)
        line_editor_redraw(&editor);
}

static int run_command(char *text)
{
    char *words[SHELL_MAX_WORDS + 1];
    const struct shell_command *command;
    int count = shell_split_words(text, words);

    if (count < 0) {
        print(count == -1 ? "unterminated quote\n" : "too many words\n");
        return 1;
    }
    if (count == 0)
        return 0;
    command = shell_find_command(words[0]);
    if (command)
        return command->run(count, words);
    print("command not implemented: %s (try `help')\n", words[0]);
    return 1;
}

/* Threads are cooperative: commands that need not wait must not keep all others from running. */
int shell_execute(char *line)
{
    char *command;
    int status = 0;

    while ((command = shell_next_command(&line))) {
        status = run_command(command);
        thread_yield();
    }
    return status;
}

static void read_line(char *line)
{
    enum line_event event;

    do {
        prompting = true;
        line_editor_begin(&editor);
        do
            event = line_editor_feed(&editor, shell_input_next());
        while (event == LINE_MORE);
        prompting = false;
    } while (event != LINE_COMPLETE);
    text_copy(line, editor.text, LINE_SIZE);
}

void shell_run(void)
{
    char line[LINE_SIZE];

    line_editor_init(&editor, "bonsai> ", print_write);
    notice_set_frame(hide_prompt, redraw_prompt);
    for (;;) {
        read_line(line);
        shell_execute(line);
    }
}

/* The words from `first` on as one line again; false when they do not fit. */
static bool join_words(char *line, char **words, int first, int count)
{
    size_t used = 0;

    line[0] = '\0';
    for (int i = first; i < count; i++) {
        int length =
            format_text(line + used, LINE_SIZE - used, "%s%s", i > first ? " " : "", words[i]);

        used += (size_t)length;
        if (used >= LINE_SIZE)
            return false;
    }
    return true;
}

/* Ctrl-C between two rounds ends it. */
int command_repeat(int count, char **words)
{
    char line[LINE_SIZE];
    const char *cursor = count > 2 ? words[1] : "";
    uint64_t rounds, round, failures = 0, start = clock_monotonic_ns();

    if (!text_parse_unsigned(&cursor, &rounds) || *cursor)
        return shell_usage(words[0]);
    for (round = 0; round < rounds && !shell_input_interrupted(); round++) {
        if (!join_words(line, words, 2, count))
            return shell_usage(words[0]);
        failures += shell_execute(line) != 0;
    }
    print("%llu rounds, %llu failures, %llu us each\n", (unsigned long long)round,
          (unsigned long long)failures,
          (unsigned long long)((clock_monotonic_ns() - start) / 1000 / (round ? round : 1)));
    return failures != 0;
}
