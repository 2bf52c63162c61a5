/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/vga_text.h"

#include <stdint.h>

#include "hypervisor/layout.h"
#include "hypervisor/processor/cpu.h"

#define SCREEN      0xb8000 /* mapped by the start-up tables and by the direct map alike */
#define COLUMNS     80
#define ROWS        25
#define CELL        0x0700 /* light grey on black */
#define CRTC_INDEX  0x3d4
#define CRTC_DATA   0x3d5
#define CURSOR_HIGH 14
#define CURSOR_LOW  15

static unsigned row, column;

static volatile uint16_t *cell(unsigned at_row, unsigned at_column)
{
    return (volatile uint16_t *)(DIRECT_MAP_VIRT + SCREEN) + at_row * COLUMNS + at_column;
}

static void clear_row(unsigned which)
{
    for (unsigned i = 0; i < COLUMNS; i++)
        *cell(which, i) = CELL | ' ';
}

static void move_cursor(void)
{
    unsigned position = row * COLUMNS + column;

    outb(CRTC_INDEX, CURSOR_HIGH);
    outb(CRTC_DATA, (uint8_t)(position >> 8));
    outb(CRTC_INDEX, CURSOR_LOW);
    outb(CRTC_DATA, (uint8_t)position);
}

static void next_row(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    for (unsigned i = 0; i < row * COLUMNS; i++)
        *cell(0, i) = *cell(1, i);
    clear_row(row);
}

void vga_text_start(void)
{
    for (unsigned i = 0; i < ROWS; i++)
        clear_row(i);
    row = column = 0;
    move_cursor();
}

void vga_text_write(char byte)
{
    if (byte == '\n') {
        next_row();
    } else if (byte == '\r') {
        column = 0;
    } else if (byte == '\b') {
        column -= column > 0;
    } else if ((unsigned char)byte >= ' ') {
        *cell(row, column) = CELL | (unsigned char)byte;
        if (++column == COLUMNS)
            next_row();
    }
    move_cursor();
}
