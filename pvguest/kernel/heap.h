/* SPDX-License-Identifier: MIT */
/*
 * Small memory. 16-byte aligned; larger requests are whole pages. Any context.
 */
#pragma once

#include <stddef.h>

void *heap_allocate(size_t size); /* NULL when exhausted */
void *heap_allocate_zeroed(size_t size);
void heap_free(void *memory); /* NULL is allowed */
