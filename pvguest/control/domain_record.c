/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_record.h"

#include <xen/errno.h>

#include "drivers/console/back.h"
#include "lib/format.h"
#include "pvguest/control/archive.h"
#include "pvguest/control/builder.h"
#include "pvguest/control/domain_calls.h"
#include "pvguest/control/domain_devices.h"
#include "pvguest/control/domain_entries.h"
#include "pvguest/control/domain_exception.h"
#include "pvguest/control/notice.h"
#include "pvguest/control/store_server.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"

/* How long a destroyed domain may take to vanish. */
#define GONE_TIMEOUT_NS 5000000000ull

/* A random UUID; it only has to differ from the others made here. */
static void make_handle(xen_domain_handle_t handle)
{
    static uint64_t state;

    state += clock_tsc() + clock_wall_seconds();
    for (unsigned int i = 0; i < sizeof(xen_domain_handle_t); i++) {
        uint64_t mixed;

        state += 0x9e3779b97f4a7c15ull;
        mixed = (state ^ state >> 30) * 0xbf58476d1ce4e5b9ull;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
        handle[i] = (uint8_t)(mixed >> 40);
    }
    handle[6] = (handle[6] & 0x0f) | 0x40;
    handle[8] = (handle[8] & 0x3f) | 0x80;
}

/* Before the store is told to forget the domain: then there is nothing left to look for. */
static void remove_entries(const struct domain_record *record)
{
    domain_devices_close(record->id);
    domain_devices_remove(record->id);
    domain_entries_remove(record->id, record->handle);
}

int domain_record_start(struct domain_record *record, bool paused)
{
    struct builder_rings rings;
    const char *step;
    int status = builder_build(record->configuration, record->handle, &record->id, &rings);

    if (status < 0)
        return status;
    step = "writing its store entries";
    status = domain_entries_write(record->id, record->handle, record->configuration, &rings);
    if (status < 0)
        goto destroy;
    step = "writing its devices into the store";
    status = domain_devices_write(record->id, record->handle, record->configuration);
    if (status < 0)
        goto remove_entries;
    step = "introducing it to the store";
    status = store_server_introduce(record->id, rings.store_mfn, rings.store_port);
    if (status < 0)
        goto remove_entries;
    step = "opening its console";
    status = console_back_open(record->id, rings.console_mfn, rings.console_port);
    if (status < 0)
        goto release;
    if (!domain_devices_wait(record->id))
        notice("%s: a back end does not answer", record->configuration->name);
    step = "starting it";
    status = paused ? 0 : domain_call_unpause(record->id);
    if (status < 0)
        goto close_console;
    record->started_ns = clock_monotonic_ns();
    record->ended = false;
    return 0;

close_console:
    console_back_close(record->id);
release:
    store_server_release(record->id);
remove_entries:
    remove_entries(record);
destroy:
    domain_call_destroy(record->id);
    notice("%s: %s failed: error %d", record->configuration->name, step, status);
    return status;
}

int domain_record_stop(struct domain_record *record)
{
    int status;

    domain_call_pause(record->id);
    remove_entries(record);
    console_back_close(record->id);
    store_server_release(record->id);
    status = domain_call_destroy(record->id);
    if (status == -XEN_ESRCH)
        status = 0;
    if (status == 0 &&
        !domain_exception_wait_gone(record->id, clock_monotonic_ns() + GONE_TIMEOUT_NS))
        notice("domain %s (id %u) is dying, but something still holds its memory",
               record->configuration->name, record->id);
    return status;
}

void domain_record_free(struct domain_record *record)
{
    heap_free(record->configuration);
    heap_free(record);
}

static void report_configuration(void *argument, const char *message)
{
    (void)argument;
    notice("%s", message);
}

static bool find_configuration(const char *file, char *name, size_t name_size, const void **text,
                               size_t *size)
{
    static const char *const forms[] = {"%s", "%s.cfg", "auto/%s", "auto/%s.cfg"};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int length = format_text(name, name_size, forms[i], file);
#pragma GCC diagnostic pop

        if ((size_t)length < name_size && archive_find(name, text, size))
            return true;
    }
    return false;
}

int domain_record_read(const char *file, bool quiet, struct domain_record **result)
{
    struct domain_record *record = heap_allocate_zeroed(sizeof *record);
    struct configuration *configuration = heap_allocate(sizeof *configuration);
    const void *text;
    char name[128];
    size_t size;
    int status = -XEN_ENOMEM;

    if (!record || !configuration)
        goto free;
    status = -XEN_ENOENT;
    if (!find_configuration(file, name, sizeof name, &text, &size)) {
        notice("Failed to read config file: %s: not in the archive", file);
        goto free;
    }
    if (!quiet)
        notice("Parsing config from %s", name);
    status = configuration_read(configuration, name, text, size, report_configuration, NULL);
    if (status < 0)
        goto free;
    record->configuration = configuration;
    make_handle(record->handle);
    *result = record;
    return 0;

free:
    heap_free(configuration);
    heap_free(record);
    return status;
}
