/* SPDX-License-Identifier: MIT */
/*
 * Sets of the machine's processors, as xl writes them: `all`, `0-3,5,^2`. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCPU_SET_SIZE 256

/* Bit n % 8 of byte n / 8 is processor n, as the hypervisor's bit maps have it. */
struct pcpu_set {
    uint8_t bytes[PCPU_SET_SIZE / 8];
};

/*
 * Parts between commas, from the left to the right: `all`, N or N-M add processors, ^N and ^N-M
 * take them away. False for anything else, and for a number beyond the size.
 */
bool pcpu_set_parse(const char *text, struct pcpu_set *set);

/* The set among the first `count` processors: `all`, `none`, or ranges like `0-3,5`. */
void pcpu_set_text(const struct pcpu_set *set, unsigned int count, char *text, size_t size);
