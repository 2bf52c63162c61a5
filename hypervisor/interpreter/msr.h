/* SPDX-License-Identifier: MIT */
/*
 * The model-specific registers a guest kernel may touch: a table with refusal as the default
 * (docs/abi.md lists it).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* False: the guest gets #GP. */
bool msr_guest_read(uint32_t number, uint64_t *value);
bool msr_guest_write(uint32_t number, uint64_t value);
