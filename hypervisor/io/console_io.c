/* SPDX-License-Identifier: MIT */
/*
 * The console_io hypercall. The first domain writes and reads the console itself. Other domains
 * may only write, and only when the machine was started with loglvl=all or guest_loglvl=all: whole
 * lines, prefixed, without control characters, limited in rate.
 */
#include <xen/errno.h>

#include "boot/boot_info.h"
#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/string.h"
#include "lib/text.h"

#define CHUNK     128
#define LINE_MAX  80
#define COUNT_MAX 0x7fffffff

static bool option_is_all(const char *name)
{
    char value[8];

    return text_option(boot_info.command_line, name, value, sizeof(value)) &&
           strcmp(value, "all") == 0;
}

static bool may_write(const struct domain *domain)
{
    return domain == domain_first || option_is_all("guest_loglvl") || option_is_all("loglvl");
}

static char printable(char byte)
{
    return byte == '\t' || (byte >= ' ' && byte <= '~') ? byte : '.';
}

/* Each piece of a chunk is a line of its own: what a guest prints here is for debugging. */
static void write_prefixed(const struct domain *domain, const char *text, size_t size)
{
    char line[LINE_MAX + 1];
    size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        bool end = text[i] == '\n';
        if (!end && text[i] != '\r')
            line[length++] = printable(text[i]);
        if (!end && length < LINE_MAX && i + 1 < size)
            continue;
        line[length] = 0;
        if (length || end)
            printk_guest("(d%u) %s\n", domain->id, line);
        length = 0;
    }
}

static long write_out(struct domain *domain, guest_ptr_t buffer, uint32_t count)
{
    char chunk[CHUNK];

    while (count) {
        uint32_t size = count < CHUNK ? count : CHUNK;
        if (copy_from_guest(chunk, buffer, size))
            return -XEN_EFAULT;
        if (domain == domain_first)
            console_write(chunk, size);
        else
            write_prefixed(domain, chunk, size);
        buffer.address += size;
        count -= size;
        rest_point();
    }
    return 0;
}

static long read_in(guest_ptr_t buffer, uint32_t count)
{
    char chunk[CHUNK];
    long total = 0;

    if (!guest_range_ok(buffer, count))
        return -XEN_EFAULT;
    while (total < count) {
        uint32_t rest = count - (uint32_t)total;
        size_t size = console_read(chunk, rest < CHUNK ? rest : CHUNK);
        if (!size)
            break;
        if (copy_to_guest(guest_ptr(buffer.address + (uint64_t)total), chunk, size))
            return -XEN_EFAULT;
        total += (long)size;
    }
    return total;
}

long do_console_io(uint32_t command, uint32_t count, unsigned long address)
{
    guest_ptr_t buffer = guest_ptr(address);
    struct domain *domain = current_domain();

    if (command == CONSOLEIO_write)
        return may_write(domain) ? write_out(domain, buffer, count) : -XEN_EPERM;
    if (domain != domain_first)
        return -XEN_EPERM;
    if (command != CONSOLEIO_read)
        return -XEN_ENOSYS;
    return count > COUNT_MAX ? -XEN_E2BIG : read_in(buffer, count);
}
