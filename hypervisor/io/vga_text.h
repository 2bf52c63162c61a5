/* SPDX-License-Identifier: MIT */
/*
 * The PC's 80x25 text screen, for option console=vga: visible where a BIOS left it in text mode,
 * harmless elsewhere. Under console.c's lock.
 */
#pragma once

void vga_text_start(void);
void vga_text_write(char byte);
