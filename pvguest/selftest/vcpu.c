/* SPDX-License-Identifier: MIT */
#include "pvguest/selftest/check.h"
const struct check vcpu_checks[] = {{NULL, NULL}};
