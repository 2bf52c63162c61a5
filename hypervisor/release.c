/* SPDX-License-Identifier: MIT */
#include "hypervisor/debug.h"

const bool debug_build = false;
