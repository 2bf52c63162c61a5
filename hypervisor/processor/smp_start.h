/* SPDX-License-Identifier: MIT */
/*
 * Where boot/trampoline.S arrives, on each processor that smp_start() wakes up.
 */
#pragma once

_Noreturn void smp_processor_main(void);
