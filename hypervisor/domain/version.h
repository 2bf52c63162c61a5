/* SPDX-License-Identifier: MIT */
/*
 * Which Xen interface is spoken (the version of libxen-dev's headers), and our own version.
 */
#pragma once

#define BONSAI_ABI_MAJOR 4
#define BONSAI_ABI_MINOR 17
#define BONSAI_VERSION   "0.1"
