/* SPDX-License-Identifier: MIT */
/*
 * The shell's line editor and the cutting of lines into commands and words: what is typed, what
 * the terminal then shows, and what the command gets; and sets of processors as xl writes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/string.h"
#include "pvguest/control/pcpu_set.h"
#include "pvguest/control/shell_line.h"
#include "pvguest/control/shell_words.h"

static char shown[4096];
static size_t shown_size;
static struct line_editor editor;

static void show(const char *data, size_t size)
{
    assert_true(size < sizeof shown - shown_size);
    memcpy(shown + shown_size, data, size);
    shown_size += size;
    shown[shown_size] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    shown_size = 0;
    line_editor_init(&editor, "> ", show);
    line_editor_begin(&editor);
    return 0;
}

/* Type text; the event of its last character. */
static enum line_event type(const char *text)
{
    enum line_event event = LINE_MORE;

    for (; *text; text++) {
        event = line_editor_feed(&editor, *text);
        if (event != LINE_MORE && text[1])
            line_editor_begin(&editor);
    }
    return event;
}

static void completes_a_line(void **state)
{
    (void)state;
    assert_int_equal(type("list"), LINE_MORE);
    assert_int_equal(type("\r"), LINE_COMPLETE);
    assert_string_equal(editor.text, "list");
    assert_string_equal(shown, "> list\n");
    assert_int_equal(type("\n"), LINE_MORE); /* the second half of CR LF */
    line_editor_begin(&editor);
    assert_int_equal(type("\n"), LINE_COMPLETE);
    assert_string_equal(editor.text, "");
}

static void edits(void **state)
{
    (void)state;
    assert_int_equal(type("lisst\b\x7ft\r"), LINE_COMPLETE);
    assert_string_equal(editor.text, "list");
    assert_string_equal(shown, "> lisst\b \b\b \bt\n");
    line_editor_begin(&editor);
    assert_int_equal(type("pause demo\x15\x7f\x7fx\r"), LINE_COMPLETE);
    assert_string_equal(editor.text, "x");
    line_editor_begin(&editor);
    assert_int_equal(type("pause demo \x17moss\r"), LINE_COMPLETE);
    assert_string_equal(editor.text, "pause moss");
}

static void cancels(void **state)
{
    (void)state;
    assert_int_equal(type("destroy demo\x03"), LINE_CANCELLED);
    assert_string_equal(editor.text, "");
}

static void recalls_lines(void **state)
{
    (void)state;
    type("one\rtwo\rtwo\rthree\r");
    line_editor_begin(&editor);
    type("\033[A\033[A");
    assert_string_equal(editor.text, "two");
    type("\033[A");
    assert_string_equal(editor.text, "one");
    type("\033[A\033OA");
    assert_string_equal(editor.text, "one");
    type("\033[B\033[B");
    assert_string_equal(editor.text, "three");
    type("\033[B\033[B");
    assert_string_equal(editor.text, "");
}

static void ignores_other_keys(void **state)
{
    (void)state;
    assert_int_equal(type("a\033[1;5Cb\033[3~c\x01\t\r"), LINE_COMPLETE);
    assert_string_equal(editor.text, "abc");
}

static void is_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * LINE_SIZE; i++)
        line_editor_feed(&editor, 'x');
    assert_int_equal(line_editor_feed(&editor, '\r'), LINE_COMPLETE);
    assert_int_equal(strlen(editor.text), LINE_SIZE - 1);
    for (int i = 0; i < 3 * LINE_HISTORY; i++)
        type("\033[A");
    assert_int_equal(strlen(editor.text), LINE_SIZE - 1);
}

static void survives_any_input(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 200000; i++) {
        shown_size = 0;
        if (line_editor_feed(&editor, (char)rand()) != LINE_MORE)
            line_editor_begin(&editor);
    }
}

static void splits_words(void **state)
{
    char line[] = "  create 'my file' -p\t\"a ; b\"c '' ";
    char *words[SHELL_MAX_WORDS + 1];

    (void)state;
    assert_int_equal(shell_split_words(line, words), 5);
    assert_string_equal(words[0], "create");
    assert_string_equal(words[1], "my file");
    assert_string_equal(words[2], "-p");
    assert_string_equal(words[3], "a ; bc");
    assert_string_equal(words[4], "");
    assert_null(words[5]);
}

static void refuses_bad_lines(void **state)
{
    char open[] = "create 'x", blank[] = " \t ";
    char many[2 * SHELL_MAX_WORDS + 3];
    char *words[SHELL_MAX_WORDS + 1];

    (void)state;
    assert_int_equal(shell_split_words(open, words), -1);
    assert_int_equal(shell_split_words(blank, words), 0);
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? ' ' : 'a';
    many[sizeof many - 1] = '\0';
    assert_int_equal(shell_split_words(many, words), -2);
    many[2 * SHELL_MAX_WORDS] = '\0';
    for (size_t i = 0; i < 2 * SHELL_MAX_WORDS; i++)
        many[i] = i % 2 ? ' ' : 'a';
    assert_int_equal(shell_split_words(many, words), SHELL_MAX_WORDS);
}

static void splits_commands(void **state)
{
    char line[] = "list; repeat 2 'create a;destroy a';info";
    char *rest = line;

    (void)state;
    assert_string_equal(shell_next_command(&rest), "list");
    assert_string_equal(shell_next_command(&rest), " repeat 2 'create a;destroy a'");
    assert_string_equal(shell_next_command(&rest), "info");
    assert_null(shell_next_command(&rest));
}

static void reads_and_writes_processors(void **state)
{
    static const struct {
        const char *given, *shown; /* among eight */
    } good[] = {
        {"all", "all"},          {"0-7", "all"},         {"3", "3"},
        {"0-3,5,^2", "0-1,3,5"}, {"all,^0,^7", "1-6"},   {"^1,0-2", "0-2"},
        {"0-3,^0-3", "none"},    {"8-20", "none"},       {"all,^1-6", "0,7"},
        {"255", "none"},         {"0,2,4,6", "0,2,4,6"}, {"5,all", "all"},
    };
    static const char *const wrong[] = {"",  ",",    "0,",   "1-",    "3-1",  "^all",
                                        "a", "0-3x", "allx", "256",   "-1",   "0,,1",
                                        "^", "^^1",  "1 ",   "all-3", "0-256"};
    struct pcpu_set set;
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(pcpu_set_parse(good[i].given, &set));
        pcpu_set_text(&set, 8, text, sizeof text);
        assert_string_equal(text, good[i].shown);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (pcpu_set_parse(wrong[i], &set))
            fail_msg("`%s' was taken", wrong[i]);
    }
    assert_true(pcpu_set_parse("0,2,4,6,8,10,12", &set));
    pcpu_set_text(&set, 16, text, 8); /* what does not fit is left out */
    assert_string_equal(text, "0,2,4,6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(completes_a_line, set_up),
        cmocka_unit_test_setup(edits, set_up),
        cmocka_unit_test_setup(cancels, set_up),
        cmocka_unit_test_setup(recalls_lines, set_up),
        cmocka_unit_test_setup(ignores_other_keys, set_up),
        cmocka_unit_test_setup(is_bounded, set_up),
        cmocka_unit_test_setup(survives_any_input, set_up),
        cmocka_unit_test(splits_words),
        cmocka_unit_test(refuses_bad_lines),
        cmocka_unit_test(splits_commands),
        cmocka_unit_test(reads_and_writes_processors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
