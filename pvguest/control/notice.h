/* SPDX-License-Identifier: MIT */
/*
 * Lines that the control domain prints on its own account, possibly while somebody is typing a
 * command: the shell frames them so that its prompt and the half-typed line come back behind them.
 * Any thread.
 */
#pragma once

/* One line; the newline is added. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What to do before and after each line; NULL for nothing. */
void notice_set_frame(void (*before)(void), void (*after)(void));
