/* SPDX-License-Identifier: MIT */
/*
 * The control domain's shell: commands named and answered as xl does. It owns the console's input
 * and runs in one thread, for ever.
 */
#pragma once

#include <stdbool.h>

/* Read and run commands until the machine is powered off. */
_Noreturn void shell_run(void);

/* Run one line (commands separated by `;`). 0, or the last command's exit status. */
int shell_execute(char *line);
