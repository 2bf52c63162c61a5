/* SPDX-License-Identifier: MIT */
/*
 * The demo guest: a little shell on its console that shows its time, what the store says, its disk
 * behind the block ring, the network, its processors, and every way to fall over that the host must
 * survive (pvguest/demo/). It obeys control/shutdown in the store.
 */
#include "drivers/console/front.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/demo/disk.h"
#include "pvguest/demo/fault.h"
#include "pvguest/demo/network.h"
#include "pvguest/demo/vcpus.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/hotplug.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store.h"

#include <stdint.h>
#include <xen/sched.h>

#define SECOND_NS   1000000000ULL
#define LINE_SIZE   256
#define WORDS_MAX   8
#define STORE_DEPTH 5
#define BACKSPACE   8
#define DELETE      127

#define say console_front_print

struct command {
    const char *name, *arguments, *what;
    void (*run)(unsigned int count, char **words);
};

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

/* --- the end --- */

static _Noreturn void end(unsigned int reason)
{
    if (demo_disk() != NULL && block_front_connected(demo_disk()))
        (void)block_front_transfer(demo_disk(), BLOCK_FLUSH, 0, NULL, 0);
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
    {"cpus", "", "its virtual processors", demo_vcpus_show},
    {"spin", "[SECONDS]", "count on all of them", demo_spin},
    {"disk", "", "about the disk", demo_disk_show},
    {"read", "SECTOR [COUNT]", "show sectors", demo_disk_read},
    {"write", "SECTOR TEXT", "write a text into a sector", demo_disk_write},
    {"barrier", "SECTOR TEXT", "the same, after all else and for good", demo_disk_write},
    {"pattern", "SECTOR COUNT SEED", "fill sectors", demo_disk_pattern},
    {"verify", "SECTOR COUNT SEED", "compare sectors with a pattern", demo_disk_pattern},
    {"flush", "", "make what was written permanent", demo_disk_flush},
    {"reconnect", "", "let the disk's connection go and make a new one", demo_disk_reconnect},
    {"net", "[up]", "about the network (up: when it is there)", demo_network_show},
    {"ping", "ADDRESS [COUNT]", "ask for an echo", demo_ping},
    {"fetch", "ADDRESS PORT PATH", "get a file by HTTP", demo_fetch},
    {"send", "ADDRESS [MIB [SEED]]", "send to another demo guest and compare", demo_send},
    {"flood", "ADDRESS [SECONDS]", "send without end (alone: how far)", demo_flood},
    {"spoof", "[COUNT]", "send from an address not ours", demo_spoof},
    {"net-reconnect", "", "let the interface's connection go and make a new one",
     demo_network_reconnect},
    {"fault", "KIND", "fall over (alone: the kinds)", demo_fault},
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
    else {
        demo_disk_start();
        if (hotplug_start() != 0)
            say("demo: one processor only\n");
    }
    demo_network_start(demo_disk(), started_ns);
    for (;;) {
        say("demo> ");
        read_line(line, sizeof(line));
        execute(line);
    }
}
