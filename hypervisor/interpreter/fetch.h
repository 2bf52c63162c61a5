/* SPDX-License-Identifier: MIT */
/*
 * Reading the current guest's instruction, once.
 */
#pragma once

#include <stdbool.h>

#include "hypervisor/interpreter/decode.h"

/* Fetch and decode what regs->rip points to; false if it cannot be read or is not known. */
bool instruction_fetch(struct cpu_user_regs *regs, struct instruction *instruction);

/* The instruction is done: rip moves behind it, a pending single step is delivered. */
void instruction_finish(struct cpu_user_regs *regs, unsigned length);
