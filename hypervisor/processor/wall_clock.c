/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/wall_clock.h"

#define STATUS_B_BINARY  0x04
#define STATUS_B_24_HOUR 0x02
#define HOUR_PM          0x80

static unsigned decode_number(uint8_t value, uint8_t status_b)
{
    if (status_b & STATUS_B_BINARY)
        return value;
    return (value >> 4) * 10U + (value & 15);
}

struct wall_clock_date wall_clock_decode(const uint8_t registers[7], uint8_t status_b)
{
    bool afternoon = registers[2] & HOUR_PM;
    struct wall_clock_date date = {
        .second = decode_number(registers[0], status_b),
        .minute = decode_number(registers[1], status_b),
        .hour = decode_number(registers[2] & (uint8_t)~HOUR_PM, status_b),
        .day = decode_number(registers[3], status_b),
        .month = decode_number(registers[4], status_b),
        .year = decode_number(registers[5], status_b),
    };
    unsigned century = decode_number(registers[6], status_b);

    if (!(status_b & STATUS_B_24_HOUR))
        date.hour = date.hour % 12 + (afternoon ? 12 : 0);
    if (century >= 19 && century <= 21)
        date.year += century * 100;
    else
        date.year += date.year < 70 ? 2000 : 1900;
    return date;
}

bool wall_clock_valid(const struct wall_clock_date *date)
{
    return date->year >= 1970 && date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= 31 && date->hour < 24 && date->minute < 60 && date->second < 60;
}

uint64_t wall_clock_epoch(const struct wall_clock_date *date)
{
    /* Years that begin in March: the leap day comes last and months have a regular pattern. */
    unsigned month = date->month > 2 ? date->month - 3 : date->month + 9;
    uint64_t year = date->month > 2 ? date->year : date->year - 1;
    uint64_t days = year * 365 + year / 4 - year / 100 + year / 400;

    days += (month * 153 + 2) / 5 + date->day - 1;
    days -= 719468; /* 1970-01-01 in this count */
    return ((days * 24 + date->hour) * 60 + date->minute) * 60 + date->second;
}
