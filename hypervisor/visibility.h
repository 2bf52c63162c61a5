/* SPDX-License-Identifier: MIT */
/*
 * Included before every file of ring 0: all symbols are hidden, so that position-independent
 * code at the hypervisor's high address is addressed relative to rip, without a GOT.
 */
#pragma once
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
