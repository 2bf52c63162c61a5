/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/heap.h"

#include "lib/list.h"
#include "lib/string.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Each block starts with a header; free blocks of one class hang in a list. Classes are powers of
 * two from 32 bytes to half a page; what is larger is a run of pages of its own.
 */
#define CLASS_SHIFT_MIN 5
#define CLASS_COUNT     7
#define LARGE           0x100 /* | page order, in place of a class */

#define MAGIC_USED 0x55534544
#define MAGIC_FREE 0x46524545

struct block {
    uint32_t magic, kind;
    uint64_t unused; /* keeps what follows aligned to 16 */
};

static struct list free_blocks[CLASS_COUNT];
static struct spinlock lock; /* guards them and what hangs there */
static bool started;

static void heap_start(void)
{
    for (unsigned int class = 0; class < CLASS_COUNT; class ++)
        list_init(&free_blocks[class]);
    started = true;
}

static struct list *block_node(struct block *block)
{
    return (struct list *)(block + 1);
}

static void class_refill(unsigned int class)
{
    char *page = page_allocate(0);
    size_t size = 1UL << (CLASS_SHIFT_MIN + class);

    for (size_t offset = 0; page && offset < PAGE_SIZE; offset += size) {
        struct block *block = (struct block *)(page + offset);

        *block = (struct block){.magic = MAGIC_FREE, .kind = class};
        list_push_back(&free_blocks[class], block_node(block));
    }
}

static struct block *small_allocate(unsigned int class)
{
    struct list *node;

    if (list_empty(&free_blocks[class]))
        class_refill(class);
    node = list_first(&free_blocks[class]);
    if (!node)
        return NULL;
    list_remove(node);
    return (struct block *)node - 1;
}

static struct block *large_allocate(unsigned int order)
{
    struct block *block = page_allocate(order);

    if (block)
        *block = (struct block){.magic = MAGIC_FREE, .kind = LARGE | order};
    return block;
}

void *heap_allocate(size_t size)
{
    size_t whole = size + sizeof(struct block);
    unsigned int class = 0;
    unsigned long masked;
    struct block *block;

    if (whole < size || whole > PAGE_SIZE << PAGE_ORDER_MAX)
        return NULL;
    while (class < CLASS_COUNT && whole > 1UL << (CLASS_SHIFT_MIN + class))
        class ++;
    masked = spin_lock(&lock);
    if (!started)
        heap_start();
    block = class < CLASS_COUNT ? small_allocate(class) : large_allocate(page_order(whole));
    if (block) {
        ASSERT(block->magic == MAGIC_FREE);
        block->magic = MAGIC_USED;
    }
    spin_unlock(&lock, masked);
    return block ? block + 1 : NULL;
}

void *heap_allocate_zeroed(size_t size)
{
    struct block *memory = heap_allocate(size);

    /* Pages come zeroed. */
    if (memory && !((memory - 1)->kind & LARGE))
        memset(memory, 0, size);
    return memory;
}

void heap_free(void *memory)
{
    struct block *block = (struct block *)memory - 1;
    unsigned long masked;

    if (!memory)
        return;
    ASSERT(block->magic == MAGIC_USED);
    masked = spin_lock(&lock);
    block->magic = MAGIC_FREE;
    if (block->kind & LARGE)
        page_free(block, block->kind & ~(unsigned int)LARGE);
    else
        list_push_front(&free_blocks[block->kind], block_node(block));
    spin_unlock(&lock, masked);
}
