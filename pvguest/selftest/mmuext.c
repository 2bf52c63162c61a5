/* SPDX-License-Identifier: MIT */
#include "pvguest/selftest/check.h"
const struct check mmuext_checks[] = {{NULL, NULL}};
