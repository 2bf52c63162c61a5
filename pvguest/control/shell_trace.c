/* SPDX-License-Identifier: MIT */
/*
 * The shell's command that records what the hypervisor does, and prints it for tools/trace: the
 * bytes of a file as xentrace writes it, in base64, each line behind a mark, between two lines
 * that say what else a reader must know (docs/tracing.md).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/sysctl.h>
#include <xen/trace.h>

#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/control/shell_input.h"
#include "pvguest/control/trace_rings.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/thread.h"

#define RING_PAGES     64
#define BYTES_MAX      (512 << 10)
#define LOOK_NS        20000000UL
#define MILLISECOND_NS 1000000UL
#define DEFAULT_MASK   (TRC_GEN | TRC_SCHED | TRC_PV)
#define LINE_BYTES     57
#define NAME_SIZE      64
#define LIST_BATCH     16

struct recording {
    char *bytes;
    size_t size;
    bool full;
};

/* What xentrace puts in front of the bytes that it read from one processor's ring. */
struct window {
    uint32_t head, processor, size;
};

static void read_ring(struct recording *recording, struct trace_rings *rings,
                      unsigned int processor)
{
    struct window window = {.head = TRC_TRACE_CPU_CHANGE | 2 << TRACE_EXTRA_SHIFT,
                            .processor = processor};
    int bytes = 0;

    do {
        size_t place = recording->size + sizeof window;
        if (place <= BYTES_MAX)
            bytes = trace_rings_read(rings, processor, recording->bytes + place, BYTES_MAX - place);
        if (place > BYTES_MAX || bytes < 0)
            recording->full = true;
        if (recording->full || bytes == 0)
            return;
        window.size = (uint32_t)bytes;
        memcpy(recording->bytes + recording->size, &window, sizeof window);
        recording->size = place + window.size;
    } while (true);
}

static void read_rings(struct recording *recording, struct trace_rings *rings)
{
    for (unsigned int i = 0; !recording->full && i < trace_rings_count(rings); i++)
        read_ring(recording, rings, i);
}

static int record(struct recording *recording, uint64_t milliseconds, uint32_t mask)
{
    uint64_t end = clock_monotonic_ns() + milliseconds * MILLISECOND_NS;
    struct trace_rings *rings;
    int error = trace_rings_open(RING_PAGES, mask, &rings);

    if (error)
        return error;
    while (!recording->full && clock_monotonic_ns() < end && !shell_input_interrupted()) {
        uint64_t left = end - clock_monotonic_ns();
        thread_sleep_ns(left < LOOK_NS ? left : LOOK_NS);
        read_rings(recording, rings);
    }
    error = trace_rings_stop(rings);
    read_rings(recording, rings);
    trace_rings_close(rings);
    return error;
}

static void show_domains(void)
{
    static struct xen_domctl_getdomaininfo list[LIST_BATCH];
    char name[NAME_SIZE];
    domid_t next = 0;
    int count;

    while ((count = domain_call_list(next, list, LIST_BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            life_cycle_name(list[i].domain, name, sizeof name);
            print("~domain %u %s\n", list[i].domain, name);
        }
        next = list[count - 1].domain + 1;
    }
}

static void show_line(const uint8_t *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[LINE_BYTES / 3 * 4 + 3] = "~";
    size_t length = 1;

    for (size_t i = 0; i < count; i += 3) {
        uint32_t group = 0;
        for (size_t k = i; k < i + 3; k++)
            group = group << 8 | (k < count ? bytes[k] : 0);
        for (size_t digit = 0; digit < 4; digit++)
            text[length++] = i + digit > count ? '=' : digits[group >> (18 - 6 * digit) & 63];
    }
    text[length++] = '\n';
    print_write(text, length);
}

static void show(const struct recording *recording)
{
    struct xen_sysctl_physinfo machine = {0};

    machine_call_information(&machine);
    print("~trace begins: %u kHz, %u processors\n", machine.cpu_khz, machine.max_cpu_id + 1);
    show_domains();
    for (size_t i = 0; i < recording->size; i += LINE_BYTES) {
        size_t rest = recording->size - i;
        show_line((const uint8_t *)recording->bytes + i, rest < LINE_BYTES ? rest : LINE_BYTES);
    }
    print("~trace ends: %zu bytes%s\n", recording->size, recording->full ? ", cut short" : "");
}

/* Seconds, or milliseconds with `ms` behind them. */
static bool parse_time(const char *word, uint64_t *milliseconds)
{
    if (!word || !text_parse_unsigned(&word, milliseconds) || *milliseconds > UINT32_MAX)
        return false;
    if (strcmp(word, "ms") == 0)
        return true;
    *milliseconds *= 1000;
    return *word == '\0';
}

int command_trace(int count, char **words)
{
    struct recording recording = {0};
    uint64_t milliseconds, mask = DEFAULT_MASK;
    bool masked = count > 1 && strcmp(words[1], "-e") == 0;
    int error;

    if (masked) {
        const char *word = count > 2 ? words[2] : "";
        if (!text_parse_unsigned(&word, &mask) || *word || mask > UINT32_MAX)
            return shell_usage(words[0]);
    }
    if (count != (masked ? 4 : 2) || !parse_time(words[count - 1], &milliseconds))
        return shell_usage(words[0]);
    recording.bytes = heap_allocate(BYTES_MAX);
    error = recording.bytes ? record(&recording, milliseconds, (uint32_t)mask) : -XEN_ENOMEM;
    if (error)
        print("the hypervisor cannot be traced: error %d\n", error);
    else
        show(&recording);
    heap_free(recording.bytes);
    return error != 0;
}
