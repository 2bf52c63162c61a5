/* SPDX-License-Identifier: MIT */
#include "tests/unit/host_heap.h"

#include "pvguest/kernel/heap.h"
#include <stdlib.h>

static long fail_after = -1;
static long blocks;

void host_heap_fail_after(long count)
{
    fail_after = count;
}

long host_heap_blocks(void)
{
    return blocks;
}

void *heap_allocate_zeroed(size_t size)
{
    if (fail_after >= 0 && fail_after-- == 0)
        return NULL;
    blocks++;
    return calloc(1, size ? size : 1);
}

void *heap_allocate(size_t size)
{
    return heap_allocate_zeroed(size);
}

void heap_free(void *memory)
{
    if (memory != NULL)
        blocks--;
    free(memory);
}
