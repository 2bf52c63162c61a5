/* SPDX-License-Identifier: MIT */
#include "pvguest/demo/disk.h"

#include "drivers/bus/front.h"
#include "drivers/console/front.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/page.h"

#define SECTOR_SIZE      512
#define WORDS_PER_SECTOR (SECTOR_SIZE / sizeof(uint64_t))
#define DELETE           127
#define CONNECT_NS       5000000000ULL

#define say console_front_print

static struct block_front *disk;

struct block_front *demo_disk(void)
{
    return disk;
}

static void first_disk(unsigned int id, void *argument)
{
    (void)argument;
    if (disk == NULL && block_front_start(id, &disk) != 0)
        say("demo: device %u cannot be used\n", id);
}

void demo_disk_start(void)
{
    (void)bus_front_list("vbd", first_disk, NULL);
}

bool demo_disk_there(void)
{
    if (disk != NULL && block_front_wait(disk, clock_monotonic_ns() + CONNECT_NS))
        return true;
    say("there is no disk\n");
    return false;
}

void demo_disk_show(unsigned int count, char **words)
{
    const struct block_properties *properties;

    (void)count;
    (void)words;
    if (!demo_disk_there())
        return;
    properties = block_front_properties(disk);
    say("%llu sectors of %u bytes%s%s%s\n", (unsigned long long)properties->sectors,
        properties->sector_size, properties->readonly ? ", read-only" : "",
        properties->flush ? ", flush" : "", properties->barrier ? ", barrier" : "");
}

static bool number(unsigned int count, char **words, unsigned int at, uint64_t *value)
{
    const char *cursor;

    if (at >= count)
        return false;
    cursor = words[at];
    return text_parse_unsigned(&cursor, value) && *cursor == '\0';
}

static void report(const char *what, int error)
{
    if (error == 0)
        say("%s: done\n", what);
    else
        say("%s: failed with error %d\n", what, error);
}

/* Lines of 16 bytes; those that repeat the line above are one asterisk. */
static void dump(uint64_t sector, const uint8_t *bytes)
{
    bool starred = false;

    for (unsigned int at = 0; at < SECTOR_SIZE; at += 16) {
        char text[17];

        if (at > 0 && memcmp(bytes + at, bytes + at - 16, 16) == 0) {
            if (!starred)
                say("*\n");
            starred = true;
            continue;
        }
        starred = false;
        say("%8llu+%03x ", (unsigned long long)sector, at);
        for (unsigned int i = 0; i < 16; i++) {
            say(" %02x", bytes[at + i]);
            text[i] = bytes[at + i] >= ' ' && bytes[at + i] < DELETE ? (char)bytes[at + i] : '.';
        }
        text[16] = '\0';
        say("  %s\n", text);
    }
}

void demo_disk_read(unsigned int count, char **words)
{
    uint64_t sector, sectors = 1;
    uint8_t *page;
    int error = 0;

    if (!number(count, words, 1, &sector) || (count > 2 && !number(count, words, 2, &sectors))) {
        say("read SECTOR [COUNT]\n");
        return;
    }
    page = demo_disk_there() ? page_allocate(0) : NULL;
    if (page == NULL)
        return;
    for (; sectors > 0 && error == 0; sectors--, sector++) {
        error = block_front_transfer(disk, BLOCK_READ, sector, page, 1);
        if (error == 0)
            dump(sector, page);
    }
    report("read", error);
    page_free(page, 0);
}

/* A barrier is a write that nothing passes, on the disk when it is answered. */
void demo_disk_write(unsigned int count, char **words)
{
    bool is_barrier = strcmp(words[0], "barrier") == 0;
    uint64_t sector;
    char *page;
    size_t at = 0;

    if (!number(count, words, 1, &sector) || count < 3) {
        say("%s SECTOR TEXT\n", words[0]);
        return;
    }
    page = demo_disk_there() ? page_allocate(0) : NULL;
    if (page == NULL)
        return;
    for (unsigned int i = 2; i < count; i++)
        at += (size_t)format_text(page + at, SECTOR_SIZE - at, "%s%s", i > 2 ? " " : "", words[i]);
    report(words[0],
           block_front_transfer(disk, is_barrier ? BLOCK_BARRIER : BLOCK_WRITE, sector, page, 1));
    page_free(page, 0);
}

void demo_disk_flush(unsigned int count, char **words)
{
    (void)count;
    (void)words;
    if (demo_disk_there())
        report("flush", block_front_transfer(disk, BLOCK_FLUSH, 0, NULL, 0));
}

void demo_disk_reconnect(unsigned int count, char **words)
{
    (void)count;
    if (demo_disk_there())
        report(words[0], block_front_restart(disk));
}

static uint64_t pattern_word(uint64_t seed, uint64_t sector, uint64_t i)
{
    uint64_t word = (seed + sector * WORDS_PER_SECTOR + i) * 0x9e3779b97f4a7c15ULL;

    return word ^ word >> 32;
}

/* Fill a request's buffer with the pattern, or count the words that differ from it. */
static uint64_t pattern_apply(const struct block_request *request, uint64_t seed, bool fill)
{
    uint64_t *words = request->buffer;
    uint64_t wrong = 0;

    for (uint64_t s = 0; s < request->count; s++) {
        for (uint64_t i = 0; i < WORDS_PER_SECTOR; i++, words++) {
            uint64_t right = pattern_word(seed, request->sector + s, i);

            if (fill)
                *words = right;
            else
                wrong += *words != right;
        }
    }
    return wrong;
}

/* Several requests in flight at a time; returns the first error. */
static int pattern_run(uint64_t sector, uint64_t left, uint64_t seed, bool fill, uint64_t *wrong)
{
    static struct block_request requests[DEMO_REQUESTS];
    int result = 0;

    while (left > 0 && result == 0) {
        unsigned int used = 0;

        for (; used < DEMO_REQUESTS && left > 0; used++) {
            struct block_request *request = &requests[used];

            request->operation = fill ? BLOCK_WRITE : BLOCK_READ;
            request->sector = sector;
            request->count =
                left < BLOCK_FRONT_SECTORS_MAX ? (unsigned int)left : BLOCK_FRONT_SECTORS_MAX;
            if (request->buffer == NULL &&
                (request->buffer = page_allocate(DEMO_REQUEST_ORDER)) == NULL)
                break;
            if (fill)
                pattern_apply(request, seed, true);
            if (block_front_submit(disk, request) != 0)
                break;
            sector += request->count;
            left -= request->count;
        }
        if (used == 0)
            return -1;
        for (unsigned int i = 0; i < used; i++) {
            int error = block_front_finish(disk, &requests[i]);

            if (error != 0)
                result = error;
            else if (!fill)
                *wrong += pattern_apply(&requests[i], seed, false);
        }
    }
    return result;
}

void demo_disk_pattern(unsigned int count, char **words)
{
    bool fill = strcmp(words[0], "pattern") == 0;
    uint64_t sector, sectors, seed, wrong = 0;
    int error;

    if (!number(count, words, 1, &sector) || !number(count, words, 2, &sectors) ||
        !number(count, words, 3, &seed)) {
        say("%s SECTOR COUNT SEED\n", words[0]);
        return;
    }
    if (!demo_disk_there())
        return;
    error = pattern_run(sector, sectors, seed, fill, &wrong);
    if (error == 0 && wrong > 0)
        say("%s: %llu words differ\n", words[0], (unsigned long long)wrong);
    else
        report(words[0], error);
}
