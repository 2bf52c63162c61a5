/* SPDX-License-Identifier: MIT */
/*
 * The control domain: the order of its start-up, and nothing else.
 *
 * Words on its command line:
 *     auto=no      do not start the domains whose configurations lie under auto/ in the archive
 *     guest=FILE   run one domain, its console in the terminal, and end the machine with it
 *     debug-exit=PORT   a port of QEMU's isa-debug-exit device, which is told how that ended
 *     run=FILE     run a file of the archive as shell commands, a line each, before the prompt
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/block/back.h"
#include "drivers/hardware/pci.h"
#include "drivers/hardware/virtio_blk.h"
#include "drivers/net/back.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/archive.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/network.h"
#include "pvguest/control/network_card.h"
#include "pvguest/control/notice.h"
#include "pvguest/control/shell.h"
#include "pvguest/control/shell_line.h"
#include "pvguest/control/single_guest.h"
#include "pvguest/control/store_server.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store.h"
#include <xen/version.h>

static int count_file(const char *name, size_t size, void *argument)
{
    (void)name, (void)size;
    ++*(unsigned int *)argument;
    return 0;
}

static void print_banner(void)
{
    long version = hypercall_xen_version(XENVER_version, NULL);
    unsigned int files = 0;

    archive_visit(count_file, &files);
    notice("control: Bonsai control domain on hypervisor version %ld.%ld, %lu MiB, %u files",
           version >> 16, version & 0xffff, start_info->nr_pages / 256, files);
}

/* What a guest or a tool may want to know about this domain. */
static int describe_self(void)
{
    int status = store_write("/local/domain/0/domid", "0");

    if (status == 0)
        status = store_write("/local/domain/0/name", "Domain-0");
    if (status == 0)
        status = store_mkdir("/local/domain/0/backend");
    return status;
}

static int start_disks(void)
{
    if (!virtio_blk_start())
        notice("control: no disk was found");
    return 0;
}

static const struct {
    const char *what;
    int (*start)(void);
} parts[] = {
    {"archive", archive_start},
    {"store", store_server_start},
    {"description", describe_self},
    {"PCI bus", pci_start},
    {"disks", start_disks},
    {"block back end", block_back_start},
    {"network", network_start},
    {"network cards", network_card_start},
    {"network back end", net_back_start},
    {"life cycle of domains", life_cycle_start},
};

static void start_parts(void)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int status = parts[i].start();

        if (status < 0)
            panic("control: starting the %s failed: error %d", parts[i].what, status);
    }
}

static int start_automatically(const char *name, size_t size, void *argument)
{
    domid_t domain;

    (void)size, (void)argument;
    if (text_starts_with(name, "auto/"))
        life_cycle_create(name, false, false, &domain);
    return 0;
}

static void run_line(const char *start, size_t size)
{
    char line[LINE_SIZE];

    if (size >= sizeof line) {
        notice("control: a line of the script is too long");
        return;
    }
    memcpy(line, start, size);
    line[size] = '\0';
    if (size && line[0] != '#') {
        notice("+ %s", line);
        shell_execute(line);
    }
}

static void run_script(const char *name)
{
    const void *data;
    const char *cursor, *end, *newline;
    size_t size;

    if (!archive_find(name, &data, &size)) {
        notice("control: run=%s: not in the archive", name);
        return;
    }
    end = (const char *)data + size;
    for (cursor = data; cursor < end; cursor = newline + 1) {
        newline = memchr(cursor, '\n', (size_t)(end - cursor));
        if (!newline)
            newline = end;
        run_line(cursor, (size_t)(newline - cursor));
    }
}

static void run_single_guest(const char *file)
{
    char value[64];
    const char *cursor = value;
    uint64_t port = 0;

    if (text_option(guest_command_line(), "debug-exit", value, sizeof value) &&
        (!text_parse_unsigned(&cursor, &port) || port > UINT16_MAX))
        notice("control: debug-exit=%s is no port", value);
    single_guest_run(file, (uint16_t)port);
}

void guest_main(void)
{
    char value[64];

    if (!guest_is_initial_domain())
        panic("control: this is not the initial domain");
    print_banner();
    start_parts();
    if (!text_option(guest_command_line(), "auto", value, sizeof value) || strcmp(value, "no") != 0)
        archive_visit(start_automatically, NULL);
    if (text_option(guest_command_line(), "run", value, sizeof value))
        run_script(value);
    if (text_option(guest_command_line(), "guest", value, sizeof value))
        run_single_guest(value);
    notice("Type `help' for the commands.");
    shell_run();
}
