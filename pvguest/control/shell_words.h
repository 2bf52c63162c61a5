/* SPDX-License-Identifier: MIT */
/*
 * Command lines cut into commands and words. Pure functions that write terminators into the line.
 */
#pragma once

#include <stddef.h>

#define SHELL_MAX_WORDS 24

/*
 * Cut off the first command of a line: terminates it at an unquoted `;` and moves *rest behind.
 * NULL when nothing is left.
 */
char *shell_next_command(char **rest);

/*
 * Cut at blanks; single and double quotes keep blanks together and are removed. Returns the number
 * of words, words[count] is NULL; -1 for an open quote, -2 for more than SHELL_MAX_WORDS.
 */
int shell_split_words(char *line, char *words[SHELL_MAX_WORDS + 1]);
