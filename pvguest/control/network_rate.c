/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_rate.h"

#include "lib/text.h"

#define BYTES_LIMIT       (1ull << 30)
#define INTERVAL_LIMIT_US 10000000ull

void network_rate_set(struct network_rate *rate, uint64_t bytes, uint64_t interval_us,
                      uint64_t now_ns)
{
    *rate = (struct network_rate){.bytes = bytes,
                                  .interval_ns = interval_us * 1000,
                                  .left = (int64_t)bytes,
                                  .counted_ns = now_ns};
}

/* Whole intervals first, then what part of one has passed, in whole bytes. */
static void add_income(struct network_rate *rate, uint64_t now_ns)
{
    uint64_t income;

    while (now_ns - rate->counted_ns >= rate->interval_ns && rate->left < (int64_t)rate->bytes) {
        rate->left += (int64_t)rate->bytes;
        rate->counted_ns += rate->interval_ns;
    }
    if (rate->left >= (int64_t)rate->bytes) {
        rate->left = (int64_t)rate->bytes;
        rate->counted_ns = now_ns;
        return;
    }
    income = rate->bytes * (now_ns - rate->counted_ns) / rate->interval_ns;
    rate->left += (int64_t)income;
    rate->counted_ns += (income * rate->interval_ns + rate->bytes - 1) / rate->bytes;
}

bool network_rate_allows(struct network_rate *rate, uint64_t now_ns, uint64_t *ready_ns)
{
    if (rate->bytes == 0)
        return true;
    add_income(rate, now_ns);
    if (rate->left > 0)
        return true;
    *ready_ns = now_ns + (uint64_t)(1 - rate->left) * rate->interval_ns / rate->bytes + 1;
    return false;
}

void network_rate_charge(struct network_rate *rate, uint32_t size)
{
    if (rate->bytes != 0)
        rate->left -= size;
}

bool network_rate_parse(const char *text, uint64_t *bytes, uint64_t *interval_us)
{
    return text_parse_unsigned(&text, bytes) && *text++ == ',' &&
           text_parse_unsigned(&text, interval_us) && *text == '\0' && *bytes > 0 &&
           *bytes<BYTES_LIMIT && * interval_us> 0 && *interval_us <= INTERVAL_LIMIT_US;
}
