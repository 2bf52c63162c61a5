/* SPDX-License-Identifier: MIT */
/*
 * The demo guest: a little shell on its console that shows its time, what the store says, its disk
 * behind the block ring, the network (pvguest/demo/), and every way to fall over that the host must
 * survive. It obeys control/shutdown in the store.
 *
 * `pattern` and `verify` fill sectors so that a reader on the host can compute the same bytes: the
 * little-endian 64-bit word i of sector s is mix(seed + 64 * s + i), see pattern_word().
 */
#include "drivers/block/front.h"
#include "drivers/bus/front.h"
#include "drivers/console/front.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/demo/network.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store.h"

#include <stdint.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#define SECOND_NS        1000000000ULL
#define LINE_SIZE        256
#define WORDS_MAX        8
#define SECTOR_SIZE      512
#define WORDS_PER_SECTOR (SECTOR_SIZE / sizeof(uint64_t))
#define IN_FLIGHT        6
#define BATCH_ORDER      4 /* 16 pages hold the 11 of one request */
#define KERNEL_SLOT      511
#define STORE_DEPTH      5
#define BACKSPACE        8
#define DELETE           127
#define CONNECT_NS       (5 * SECOND_NS)

#define say console_front_print

struct command {
    const char *name, *arguments, *what;
    void (*run)(unsigned int count, char **words);
};

static struct block_front *disk;
static uint64_t started_ns;

/* --- time and store --- */

static void show_time(unsigned int count, char **words)
{
    uint64_t seconds = clock_wall_seconds();

    (void)count;
    (void)words;
    say("%llu seconds since 1970, %02u:%02u:%02u UTC\n", (unsigned long long)seconds,
        (unsigned int)(seconds / 3600 % 24), (unsigned int)(seconds / 60 % 60),
        (unsigned int)(seconds % 60));
}

static void show_uptime(unsigned int count, char **words)
{
    uint64_t up = clock_monotonic_ns() - started_ns;

    (void)count;
    (void)words;
    say("up %llu.%03u seconds\n", (unsigned long long)(up / SECOND_NS),
        (unsigned int)(up / 1000000 % 1000));
}

struct store_place {
    const char *path;
    unsigned int depth;
};

static int show_store_node(const char *name, void *argument)
{
    const struct store_place *parent = argument;
    char path[STORE_PATH_SIZE], value[STORE_VALUE_SIZE];
    struct store_place place = {.path = path, .depth = parent->depth + 1};

    format_text(path, sizeof(path), "%s/%s", parent->path, name);
    if (store_read(path, value, sizeof(value)) != 0)
        value[0] = '\0';
    say("%*s%s = \"%s\"\n", (int)(2 * parent->depth), "", name, value);
    return place.depth < STORE_DEPTH ? store_directory(path, show_store_node, &place) : 0;
}

static void show_store(unsigned int count, char **words)
{
    char path[STORE_PATH_SIZE];
    struct store_place place = {.path = path};
    uint64_t domain;
    int error = store_read_unsigned("domid", &domain);

    (void)count;
    (void)words;
    if (error == 0) {
        format_text(path, sizeof(path), "/local/domain/%u", (unsigned int)domain);
        error = store_directory(path, show_store_node, &place);
    }
    if (error != 0)
        say("the store answers with error %d\n", error);
}

/* --- disk --- */

static bool disk_there(void)
{
    if (disk != NULL && block_front_wait(disk, clock_monotonic_ns() + CONNECT_NS))
        return true;
    say("there is no disk\n");
    return false;
}

static void show_disk(unsigned int count, char **words)
{
    const struct block_properties *properties;

    (void)count;
    (void)words;
    if (!disk_there())
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

static void read_sectors(unsigned int count, char **words)
{
    uint64_t sector, sectors = 1;
    uint8_t *page;
    int error = 0;

    if (!number(count, words, 1, &sector) || (count > 2 && !number(count, words, 2, &sectors))) {
        say("read SECTOR [COUNT]\n");
        return;
    }
    page = disk_there() ? page_allocate(0) : NULL;
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
static void write_text(unsigned int count, char **words)
{
    bool is_barrier = strcmp(words[0], "barrier") == 0;
    uint64_t sector;
    char *page;
    size_t at = 0;

    if (!number(count, words, 1, &sector) || count < 3) {
        say("%s SECTOR TEXT\n", words[0]);
        return;
    }
    page = disk_there() ? page_allocate(0) : NULL;
    if (page == NULL)
        return;
    for (unsigned int i = 2; i < count; i++)
        at += (size_t)format_text(page + at, SECTOR_SIZE - at, "%s%s", i > 2 ? " " : "", words[i]);
    report(words[0],
           block_front_transfer(disk, is_barrier ? BLOCK_BARRIER : BLOCK_WRITE, sector, page, 1));
    page_free(page, 0);
}

static void flush_disk(unsigned int count, char **words)
{
    (void)count;
    (void)words;
    if (disk_there())
        report("flush", block_front_transfer(disk, BLOCK_FLUSH, 0, NULL, 0));
}

static void reconnect(unsigned int count, char **words)
{
    (void)count;
    if (disk_there())
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
    static struct block_request requests[IN_FLIGHT];
    int result = 0;

    while (left > 0 && result == 0) {
        unsigned int used = 0;

        for (; used < IN_FLIGHT && left > 0; used++) {
            struct block_request *request = &requests[used];

            request->operation = fill ? BLOCK_WRITE : BLOCK_READ;
            request->sector = sector;
            request->count =
                left < BLOCK_FRONT_SECTORS_MAX ? (unsigned int)left : BLOCK_FRONT_SECTORS_MAX;
            if (request->buffer == NULL && (request->buffer = page_allocate(BATCH_ORDER)) == NULL)
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

static void pattern_command(unsigned int count, char **words)
{
    bool fill = strcmp(words[0], "pattern") == 0;
    uint64_t sector, sectors, seed, wrong = 0;
    int error;

    if (!number(count, words, 1, &sector) || !number(count, words, 2, &sectors) ||
        !number(count, words, 3, &seed)) {
        say("%s SECTOR COUNT SEED\n", words[0]);
        return;
    }
    if (!disk_there())
        return;
    error = pattern_run(sector, sectors, seed, fill, &wrong);
    if (error == 0 && wrong > 0)
        say("%s: %llu words differ\n", words[0], (unsigned long long)wrong);
    else
        report(words[0], error);
}

/* --- faults --- */

static void fault_null(void)
{
    __asm__ __volatile__("movl $1, (%0)" ::"r"(NULL) : "memory");
}

static void fault_undefined(void)
{
    __asm__ __volatile__("ud2");
}

static void fault_division(void)
{
    __asm__ __volatile__("divl %0" ::"r"(0), "a"(1), "d"(0) : "cc");
}

/* Take the kernel's own part out of the top-level table: the next instruction is not there. */
static void fault_page_table(void)
{
    uint64_t table = page_mfn((const void *)start_info->pt_base) << PAGE_SHIFT;
    struct mmu_update update = {.ptr = (table + KERNEL_SLOT * sizeof(uint64_t)) |
                                       MMU_NORMAL_PT_UPDATE};

    hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

static void fault_spin(void)
{
    events_mask();
    for (;;)
        processor_relax();
}

static uint64_t recurse(uint64_t depth)
{
    volatile uint64_t local = depth;

    return local == UINT64_MAX ? 0 : recurse(depth + 1) + local;
}

static void fault_stack(void)
{
    say("%llu\n", (unsigned long long)recurse(0));
}

static void fault_flood(void)
{
    for (;;)
        print("flood flood flood flood flood flood flood flood flood flood flood flood\n");
}

static void fault_console_ring(void)
{
    struct xencons_interface *ring = page_of_mfn(start_info->console.domU.mfn);

    WRITE_ONCE(ring->out_prod, ring->out_cons + UINT32_MAX / 2);
    event_notify(start_info->console.domU.evtchn);
}

static void fault_block_ring(void)
{
    if (disk_there())
        block_front_corrupt(disk);
}

static void fault_network_ring(void)
{
    if (demo_network() != NULL)
        network_front_corrupt(demo_network());
}

/* End with requests in flight, whose pages the device may still be writing to. */
static void fault_in_flight(void)
{
    static struct block_request requests[IN_FLIGHT];

    if (!disk_there())
        return;
    for (unsigned int i = 0; i < IN_FLIGHT; i++) {
        requests[i] = (struct block_request){.operation = BLOCK_READ,
                                             .sector = i * BLOCK_FRONT_SECTORS_MAX,
                                             .count = BLOCK_FRONT_SECTORS_MAX,
                                             .buffer = page_allocate(BATCH_ORDER)};
        if (requests[i].buffer != NULL)
            (void)block_front_submit(disk, &requests[i]);
    }
    guest_shutdown(SHUTDOWN_crash);
}

static const struct {
    const char *name;
    void (*run)(void);
} faults[] = {
    {"null", fault_null},          {"ud", fault_undefined},         {"div", fault_division},
    {"spin", fault_spin},          {"stack", fault_stack},          {"pagetable", fault_page_table},
    {"flood", fault_flood},        {"ring", fault_block_ring},      {"console", fault_console_ring},
    {"inflight", fault_in_flight}, {"netring", fault_network_ring},
};

static void fault_command(unsigned int count, char **words)
{
    for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (count == 2 && strcmp(words[1], faults[i].name) == 0) {
            say("as you wish\n");
            console_front_drain();
            faults[i].run();
            return;
        }
    }
    say("fault");
    for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        say("%s%s", i > 0 ? "|" : " ", faults[i].name);
    say("\n");
}

/* --- the end --- */

static _Noreturn void end(unsigned int reason)
{
    if (disk != NULL && block_front_connected(disk))
        (void)block_front_transfer(disk, BLOCK_FLUSH, 0, NULL, 0);
    console_front_drain();
    guest_shutdown(reason);
}

static void end_command(unsigned int count, char **words)
{
    (void)count;
    if (strcmp(words[0], "crash") == 0) {
        console_front_drain();
        guest_shutdown(SHUTDOWN_crash);
    }
    end(strcmp(words[0], "reboot") == 0 ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

/* The host's request; emptying the key is the answer that it was heard. */
static void shutdown_requested(const char *path, void *argument)
{
    char how[STORE_VALUE_SIZE];

    (void)argument;
    if (store_read(path, how, sizeof(how)) != 0 || how[0] == '\0')
        return;
    (void)store_write(path, "");
    say("\nthe host asks for %s\n", how);
    if (strcmp(how, "poweroff") == 0 || strcmp(how, "halt") == 0)
        end(SHUTDOWN_poweroff);
    if (strcmp(how, "reboot") == 0)
        end(SHUTDOWN_reboot);
}

/* --- the shell --- */

static void help(unsigned int count, char **words);

static const struct command commands[] = {
    {"time", "", "the time of day", show_time},
    {"uptime", "", "since this guest started", show_uptime},
    {"store", "", "what the store says about this guest", show_store},
    {"disk", "", "about the disk", show_disk},
    {"read", "SECTOR [COUNT]", "show sectors", read_sectors},
    {"write", "SECTOR TEXT", "write a text into a sector", write_text},
    {"barrier", "SECTOR TEXT", "the same, after all else and for good", write_text},
    {"pattern", "SECTOR COUNT SEED", "fill sectors", pattern_command},
    {"verify", "SECTOR COUNT SEED", "compare sectors with a pattern", pattern_command},
    {"flush", "", "make what was written permanent", flush_disk},
    {"reconnect", "", "let the disk's connection go and make a new one", reconnect},
    {"net", "[up]", "about the network (up: when it is there)", demo_network_show},
    {"ping", "ADDRESS [COUNT]", "ask for an echo", demo_ping},
    {"fetch", "ADDRESS PORT PATH", "get a file by HTTP", demo_fetch},
    {"send", "ADDRESS [MIB [SEED]]", "send to another demo guest and compare", demo_send},
    {"flood", "ADDRESS [SECONDS]", "send without end (alone: how far)", demo_flood},
    {"spoof", "[COUNT]", "send from an address not ours", demo_spoof},
    {"net-reconnect", "", "let the interface's connection go and make a new one",
     demo_network_reconnect},
    {"fault", "KIND", "fall over (alone: the kinds)", fault_command},
    {"shutdown", "", "power off", end_command},
    {"reboot", "", "start again", end_command},
    {"crash", "", "end as crashed", end_command},
    {"help", "", "this", help},
};

static void help(unsigned int count, char **words)
{
    (void)count;
    (void)words;
    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        say("%-14s%-23s%s\n", commands[i].name, commands[i].arguments, commands[i].what);
}

static unsigned int split(char *line, char **words)
{
    unsigned int count = 0;

    while (count < WORDS_MAX) {
        while (*line == ' ')
            line++;
        if (*line == '\0')
            break;
        words[count++] = line;
        while (*line != ' ' && *line != '\0')
            line++;
        if (*line == ' ')
            *line++ = '\0';
    }
    return count;
}

static void execute(char *line)
{
    char *words[WORDS_MAX];
    unsigned int count = split(line, words);

    if (count == 0)
        return;
    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(words[0], commands[i].name) == 0) {
            commands[i].run(count, words);
            return;
        }
    }
    say("unknown command %s; try help\n", words[0]);
}

/* A line with echo and backspace. */
static void read_line(char *line, size_t size)
{
    size_t length = 0;
    char key;

    for (;;) {
        console_front_read(&key, 1);
        if (key == '\r' || key == '\n')
            break;
        if ((key == BACKSPACE || key == DELETE) && length > 0) {
            length--;
            console_front_write("\b \b", 3);
        } else if (key >= ' ' && key < DELETE && length + 1 < size) {
            line[length++] = key;
            console_front_write(&key, 1);
        }
    }
    line[length] = '\0';
    console_front_write("\n", 1);
}

static void first_disk(unsigned int id, void *argument)
{
    (void)argument;
    if (disk == NULL && block_front_start(id, &disk) != 0)
        say("demo: device %u cannot be used\n", id);
}

void guest_main(void)
{
    static struct store_watch watch;
    char line[LINE_SIZE];

    started_ns = clock_monotonic_ns();
    if (console_front_start() != 0)
        print("demo: no console of its own\n");
    say("demo: a guest of Bonsai; `help` lists the commands\n");
    if (store_watch(&watch, "control/shutdown", shutdown_requested, NULL) != 0)
        say("demo: no store\n");
    else
        (void)bus_front_list("vbd", first_disk, NULL);
    demo_network_start(disk, started_ns);
    for (;;) {
        say("demo> ");
        read_line(line, sizeof(line));
        execute(line);
    }
}
