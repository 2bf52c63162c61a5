/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands about the machine, the hypervisor and the archive.
 */
#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#include "lib/format.h"
#include "lib/string.h"
#include "pvguest/control/archive.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"

#define PAGES_PER_MIB 256
#define DMESG_SIZE    131072

typedef unsigned long long number_t;

/* One line of `info`, unless another key was asked for. */
__attribute__((format(printf, 3, 4))) static void show(const char *wanted, const char *key,
                                                       const char *format, ...)
{
    va_list arguments;

    if (wanted && strcmp(wanted, key) != 0)
        return;
    if (!wanted)
        print("%-23s: ", key);
    va_start(arguments, format);
    print_va(format, arguments);
    va_end(arguments);
    print("\n");
}

static void show_machine(const char *wanted)
{
    struct xen_sysctl_physinfo machine;
    const uint32_t *caps = machine.hw_cap;

    if (machine_call_information(&machine) < 0)
        return;
    show(wanted, "nr_cpus", "%u", machine.nr_cpus);
    show(wanted, "max_cpu_id", "%u", machine.max_cpu_id);
    show(wanted, "nr_nodes", "%u", machine.nr_nodes);
    show(wanted, "cores_per_socket", "%u", machine.cores_per_socket);
    show(wanted, "threads_per_core", "%u", machine.threads_per_core);
    show(wanted, "cpu_mhz", "%u.%03u", machine.cpu_khz / 1000, machine.cpu_khz % 1000);
    show(wanted, "hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", caps[0], caps[1], caps[2],
         caps[3], caps[4], caps[5], caps[6], caps[7]);
    show(wanted, "virt_caps", "%s",
         machine.capabilities & XEN_SYSCTL_PHYSCAP_pv ? "pv" : "unknown");
    show(wanted, "total_memory", "%llu", (number_t)machine.total_pages / PAGES_PER_MIB);
    show(wanted, "free_memory", "%llu",
         (number_t)(machine.free_pages - machine.outstanding_pages) / PAGES_PER_MIB);
    show(wanted, "free_pages", "%llu", (number_t)machine.free_pages);
    show(wanted, "outstanding_claims", "%llu", (number_t)machine.outstanding_pages / PAGES_PER_MIB);
}

/* The hypervisor's own words, through one page of memory for all its strings. */
static void show_hypervisor(const char *wanted)
{
    long version = hypercall_xen_version(XENVER_version, NULL);
    xen_platform_parameters_t parameters = {0};
    uint32_t scheduler = 0;
    char *text = page_allocate(0);

    if (!text)
        return;
    hypercall_xen_version(XENVER_extraversion, text);
    text[XEN_EXTRAVERSION_LEN - 1] = '\0';
    show(wanted, "xen_major", "%ld", version >> 16);
    show(wanted, "xen_minor", "%ld", version & 0xffff);
    show(wanted, "xen_extra", "%s", text);
    show(wanted, "xen_version", "%ld.%ld%s", version >> 16, version & 0xffff, text);
    if (hypercall_xen_version(XENVER_capabilities, text) >= 0)
        show(wanted, "xen_caps", "%.*s", (int)sizeof(xen_capabilities_info_t), text);
    if (machine_call_scheduler(&scheduler) == 0)
        show(wanted, "xen_scheduler", "%s", machine_scheduler_name(scheduler));
    show(wanted, "xen_pagesize", "%ld", hypercall_xen_version(XENVER_pagesize, NULL));
    if (hypercall_xen_version(XENVER_platform_parameters, &parameters) >= 0)
        show(wanted, "platform_params", "virt_start=%#lx", parameters.virt_start);
    if (hypercall_xen_version(XENVER_changeset, text) >= 0)
        show(wanted, "xen_changeset", "%.*s", (int)sizeof(xen_changeset_info_t), text);
    if (hypercall_xen_version(XENVER_commandline, text) >= 0)
        show(wanted, "xen_commandline", "%.*s", (int)sizeof(xen_commandline_t), text);
    page_free(text, 0);
}

static void show_compiler(const char *wanted)
{
    struct xen_compile_info *compile = page_allocate(0);

    if (!compile)
        return;
    if (hypercall_xen_version(XENVER_compile_info, compile) >= 0) {
        show(wanted, "cc_compiler", "%.*s", (int)sizeof compile->compiler, compile->compiler);
        show(wanted, "cc_compile_by", "%.*s", (int)sizeof compile->compile_by, compile->compile_by);
        show(wanted, "cc_compile_domain", "%.*s", (int)sizeof compile->compile_domain,
             compile->compile_domain);
        show(wanted, "cc_compile_date", "%.*s", (int)sizeof compile->compile_date,
             compile->compile_date);
    }
    page_free(compile, 0);
}

int command_info(int count, char **words)
{
    const char *wanted = count > 1 ? words[1] : NULL;

    if (count > 2)
        return shell_usage(words[0]);
    show(wanted, "host", "bonsai");
    show(wanted, "machine", "x86_64");
    show_machine(wanted);
    show_hypervisor(wanted);
    show_compiler(wanted);
    show(wanted, "control_free_pages", "%llu", (number_t)page_free_count());
    return 0;
}

/* All is read before any of it is printed: what is printed may end up in the same buffer. */
int command_dmesg(int count, char **words)
{
    char *buffer = heap_allocate(DMESG_SIZE);
    uint32_t index = 0;
    size_t size = 0;
    int part = 0;

    (void)count, (void)words;
    if (!buffer)
        return 1;
    do {
        part = machine_call_read_console(buffer + size, DMESG_SIZE - size, &index);
        if (part > 0)
            size += (size_t)part;
    } while (part > 0 && size < DMESG_SIZE);
    print_write(buffer, size);
    heap_free(buffer);
    if (part >= 0)
        return 0;
    print("the hypervisor's messages cannot be read: error %d\n", part);
    return 1;
}

int command_debug_keys(int count, char **words)
{
    int error;

    if (count != 2)
        return shell_usage(words[0]);
    error = machine_call_debug_keys(words[1]);
    if (!error)
        return 0;
    print("the hypervisor does not take keys: error %d\n", error);
    return 1;
}

static int show_file(const char *name, size_t size, void *argument)
{
    (void)argument;
    print("%10zu %s\n", size, name);
    return 0;
}

int command_files(int count, char **words)
{
    (void)count, (void)words;
    archive_visit(show_file, NULL);
    return 0;
}
