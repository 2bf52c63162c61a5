/* SPDX-License-Identifier: MIT */
/*
 * The machine's end: power-off by ACPI's soft-off state (FADT and the _S5_ object of the DSDT, no
 * interpreter: only the constant package that firmware has there), reboot, halt. Callable from
 * anywhere with interrupts off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void machine_power_off(void); /* halts where ACPI cannot do it */
_Noreturn void machine_reboot(void);
_Noreturn void machine_halt(void);

/* The sleep type values of _S5_ in a DSDT or SSDT; false when it is not there in constant form. */
bool power_find_soft_off(const uint8_t *table, size_t size, uint8_t type[2]);
