/* SPDX-License-Identifier: MIT */
/*
 * The demo guest's command `fault`: every way to fall over that the host must survive.
 */
#pragma once

void demo_fault(unsigned int count, char **words);
