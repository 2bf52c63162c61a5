/* SPDX-License-Identifier: MIT */
/*
 * The guest kernel's heap on the host: the C library's, with failures on demand and a count of
 * what is still allocated.
 */
#pragma once

#include <stddef.h>

/* Let the n-th allocation from now fail (0: the next one), once. Negative: none. */
void host_heap_fail_after(long count);

/* Blocks allocated and not yet freed. */
long host_heap_blocks(void);
