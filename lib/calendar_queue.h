/* SPDX-License-Identifier: MIT */
/*
 * A queue by key in which every operation takes the same few steps, however many are in it: four
 * rows of 64 slots around a base that only grows. A slot of the first row covers 2^16 keys, one of
 * each further row 16 times as many; a node goes into the first row that reaches its key, and stays
 * there. Within a slot who came first goes first, but for one that comes with a lesser key than all
 * that are seen: it is the first at once. So the order is that of the keys to within a slot, which
 * is less than half as wide as the node was away from the base when it joined, or is 2^16 wide.
 *
 * Keys lie between 24 slots of the last row before the base, 6.4e9, and 39 slots behind it, and the
 * base does not go beyond the first one's key, unless it is there already; else the order is lost,
 * nothing more. The nodes lie in what they queue; the caller's lock guards it. All zero is empty.
 */
#pragma once

#include <stdint.h>

#define CALENDAR_ROWS  4
#define CALENDAR_SLOTS 64

struct calendar_node {
    struct calendar_node *next, *previous; /* around the slot */
    uint64_t key;
    uint8_t slot; /* of all rows */
};

struct calendar_queue {
    struct calendar_node *first;      /* with the least key, in no slot; NULL: empty */
    uint32_t rows;                    /* a bit for each that has occupied slots */
    uint64_t occupied[CALENDAR_ROWS]; /* a bit for each slot */
    struct calendar_node *slots[CALENDAR_ROWS * CALENDAR_SLOTS]; /* who came first */
};

/* The node is in no queue. */
void calendar_insert(struct calendar_queue *queue, struct calendar_node *node, uint64_t key,
                     uint64_t base);
/* The node is in this queue. */
void calendar_remove(struct calendar_queue *queue, struct calendar_node *node, uint64_t base);
/* From `first` through all of the queue, in no particular order; then NULL. */
struct calendar_node *calendar_next(const struct calendar_queue *queue,
                                    const struct calendar_node *node);
