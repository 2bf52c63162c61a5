/* SPDX-License-Identifier: MIT */
/*
 * The end of a guest: telling who ended, how and where, and what its configuration wants done.
 * No state; threads only.
 */
#pragma once

#include "pvguest/control/domain_record.h"

/* `reason` is SHUTDOWN_…; the answer is what is to be done now. */
enum domain_action domain_end_report(const struct domain_record *record, unsigned int reason);
