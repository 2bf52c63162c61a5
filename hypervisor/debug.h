/* SPDX-License-Identifier: MIT */
/*
 * Whether this image is the debug build, which checks at run time what only a bug of ours can
 * violate, the order of locks first of all. A constant that the link chooses: build/bonsai.elf is
 * linked with hypervisor/release.c, build/bonsai-debug.elf, which the tests boot, with
 * hypervisor/debug.c. No check of what a guest does may depend on it.
 */
#pragma once

#include <stdbool.h>

extern const bool debug_build;
