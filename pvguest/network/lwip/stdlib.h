/* SPDX-License-Identifier: MIT */
/* lwIP's files include this by the C library's name; what they use of it is in lib/. */
#pragma once

#include "lib/string.h"
