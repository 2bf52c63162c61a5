/* SPDX-License-Identifier: MIT */
/*
 * The grammar of xl.cfg files, without the meaning of any key: one setting `NAME = VALUE` or
 * `NAME += VALUE` a line (or before a `;`), VALUE a number, a string in either quotes or a list in
 * brackets that may run over lines; `#` starts a comment. Nested lists are refused: no key that
 * PV guests use has them.
 *
 * Pure: the caller owns the text and the memory strings are put into. Everything is bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SYNTAX_MAX_ITEMS 32
#define SYNTAX_MAX_NAME  32

/* Receives one complete line, "FILE:LINE: what is wrong", without a newline. */
typedef void configuration_report_t(void *argument, const char *message);

/* Where strings are kept; only ever grows, so that pointers into it stay good. */
struct configuration_storage {
    char *bytes;
    size_t size, used;
};

struct syntax {
    const char *file_name;
    const char *text;
    size_t size, position;
    unsigned line;
    struct configuration_storage *storage;
    configuration_report_t *report;
    void *report_argument;
};

struct syntax_setting {
    char name[SYNTAX_MAX_NAME];
    unsigned line; /* where the setting begins */
    bool append;   /* += */
    bool is_list;
    bool is_quoted; /* a single value that stood in quotes */
    size_t count;   /* 1 unless is_list */
    const char *items[SYNTAX_MAX_ITEMS];
};

/* The next setting: 1 when there is one, 0 at the end, -XEN_E… after a report. */
int syntax_next(struct syntax *syntax, struct syntax_setting *setting);

/* Report "FILE:LINE: message". */
void syntax_report(const struct syntax *syntax, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Keep `size` bytes and a terminator. NULL when the storage is full. */
char *storage_keep(struct configuration_storage *storage, const char *bytes, size_t size);
