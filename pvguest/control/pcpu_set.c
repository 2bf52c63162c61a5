/* SPDX-License-Identifier: MIT */
#include "pvguest/control/pcpu_set.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

static bool contains(const struct pcpu_set *set, uint64_t pcpu)
{
    return set->bytes[pcpu / 8] >> pcpu % 8 & 1;
}

static void change(struct pcpu_set *set, uint64_t first, uint64_t last, bool add)
{
    for (uint64_t pcpu = first; pcpu <= last; pcpu++) {
        uint8_t bit = (uint8_t)(1u << pcpu % 8);

        if (add)
            set->bytes[pcpu / 8] |= bit;
        else
            set->bytes[pcpu / 8] &= (uint8_t)~bit;
    }
}

/* One part at *cursor, which moves behind it. */
static bool parse_part(const char **cursor, struct pcpu_set *set)
{
    bool add = **cursor != '^';
    uint64_t first = 0, last = PCPU_SET_SIZE - 1;

    if (!add)
        ++*cursor;
    if (add && text_starts_with(*cursor, "all")) {
        *cursor += strlen("all");
    } else {
        if (!text_parse_unsigned(cursor, &first))
            return false;
        last = first;
        if (**cursor == '-') {
            ++*cursor;
            if (!text_parse_unsigned(cursor, &last))
                return false;
        }
    }
    if (last < first || last >= PCPU_SET_SIZE)
        return false;
    change(set, first, last, add);
    return true;
}

bool pcpu_set_parse(const char *text, struct pcpu_set *set)
{
    memset(set, 0, sizeof *set);
    for (;;) {
        if (!parse_part(&text, set))
            return false;
        if (*text != ',')
            return !*text;
        text++;
    }
}

/* The bytes it took; a range that does not fit is left out. */
static size_t put_range(char *text, size_t size, bool more, unsigned int first, unsigned int last)
{
    char range[24];
    int length;

    if (first == last)
        length = format_text(range, sizeof range, "%s%u", more ? "," : "", first);
    else
        length = format_text(range, sizeof range, "%s%u-%u", more ? "," : "", first, last);
    if ((size_t)length >= size)
        return 0;
    memcpy(text, range, (size_t)length + 1);
    return (size_t)length;
}

void pcpu_set_text(const struct pcpu_set *set, unsigned int count, char *text, size_t size)
{
    size_t used = 0;

    text_copy(text, "none", size);
    for (unsigned int first = 0; first < count; first++) {
        unsigned int last = first;

        if (!contains(set, first))
            continue;
        while (last + 1 < count && contains(set, last + 1))
            last++;
        if (first == 0 && last + 1 == count)
            text_copy(text, "all", size);
        else
            used += put_range(text + used, size - used, used > 0, first, last);
        first = last;
    }
}
