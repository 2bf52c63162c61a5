# SPDX-License-Identifier: MIT
# NAME_SOURCES: what tests/unit/test_NAME.c is linked with, beside itself.
text_SOURCES      := lib/text.c
format_SOURCES    := lib/format.c
