/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_entries.h"

#include "lib/format.h"
#include "pvguest/control/entry_writer.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/store.h"

void domain_entries_handle_text(const xen_domain_handle_t handle, char text[HANDLE_TEXT_SIZE])
{
    static const unsigned int group_ends = 1u << 3 | 1u << 5 | 1u << 7 | 1u << 9;
    size_t used = 0;

    for (unsigned int i = 0; i < 16; i++) {
        used += (size_t)format_text(text + used, HANDLE_TEXT_SIZE - used, "%02x", handle[i]);
        if (group_ends & 1u << i)
            text[used++] = '-';
    }
    text[used] = '\0';
}

static void put_machine(struct entry_writer *writer, const char *handle,
                        const struct configuration *configuration)
{
    entry_prefix(writer, "/vm/%s", handle);
    entry_directory(writer, "", 0, writer->domain);
    entry_put(writer, "uuid", "%s", handle);
    entry_put(writer, "name", "%s", configuration->name);
    entry_put(writer, "image/ostype", "linux");
    entry_put(writer, "image/kernel", "%s", configuration->kernel);
    if (configuration->ramdisk)
        entry_put(writer, "image/ramdisk", "%s", configuration->ramdisk);
    entry_put(writer, "image/cmdline", "%s", configuration->command_line);
    entry_put(writer, "start_time", "%llu.00", (unsigned long long)clock_wall_seconds());
}

static void put_vcpus(struct entry_writer *writer, uint64_t online, uint64_t maximum)
{
    char key[32];

    for (unsigned int vcpu = 0; vcpu < maximum; vcpu++) {
        format_text(key, sizeof key, "cpu/%u/availability", vcpu);
        entry_put(writer, key, "%s", vcpu < online ? "online" : "offline");
    }
}

static void put_domain(struct entry_writer *writer, const char *handle,
                       const struct configuration *configuration)
{
    static const char *const guest_directories[] = {
        "control/shutdown",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/sysrq",
        "device",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    };

    entry_prefix(writer, "/local/domain/%u", writer->domain);
    entry_directory(writer, "", 0, writer->domain);
    entry_put(writer, "vm", "/vm/%s", handle);
    entry_put(writer, "name", "%s", configuration->name);
    entry_put(writer, "domid", "%u", writer->domain);
    entry_put(writer, "memory/static-max", "%llu",
              (unsigned long long)configuration->maximum_mib * 1024);
    entry_put(writer, "memory/target", "%llu",
              (unsigned long long)configuration->memory_mib * 1024);
    put_vcpus(writer, configuration->vcpus, configuration->maximum_vcpus);
    entry_put(writer, "control/platform-feature-multiprocessor-suspend", "1");
    for (size_t i = 0; i < sizeof guest_directories / sizeof guest_directories[0]; i++)
        entry_own_directory(writer, guest_directories[i]);
}

static void put_rings(struct entry_writer *writer, const struct builder_rings *rings)
{
    entry_prefix(writer, "/local/domain/%u", writer->domain);
    entry_put(writer, "store/port", "%u", rings->store_port);
    entry_put(writer, "store/ring-ref", "%llu", (unsigned long long)rings->store_mfn);
    entry_put(writer, "console/backend-id", "0");
    entry_put(writer, "console/limit", "1048576");
    entry_put(writer, "console/type", "xenconsoled");
    entry_put(writer, "console/output", "pty");
    entry_put(writer, "console/port", "%u", rings->console_port);
    entry_put(writer, "console/ring-ref", "%llu", (unsigned long long)rings->console_mfn);
}

/* Nobody looks at a domain's own entries before it is introduced: they need no transaction. */
int domain_entries_write(domid_t domain, const xen_domain_handle_t handle,
                         const struct configuration *configuration,
                         const struct builder_rings *rings)
{
    struct entry_writer writer = {.transaction = STORE_NO_TRANSACTION, .domain = domain};
    char handle_text[HANDLE_TEXT_SIZE];

    domain_entries_handle_text(handle, handle_text);
    put_machine(&writer, handle_text, configuration);
    put_domain(&writer, handle_text, configuration);
    put_rings(&writer, rings);
    if (writer.status)
        domain_entries_remove(domain, handle);
    return writer.status;
}

void domain_entries_remove(domid_t domain, const xen_domain_handle_t handle)
{
    char path[STORE_PATH_SIZE], handle_text[HANDLE_TEXT_SIZE];

    format_text(path, sizeof path, "/local/domain/%u", domain);
    store_remove(path);
    domain_entries_handle_text(handle, handle_text);
    format_text(path, sizeof path, "/vm/%s", handle_text);
    store_remove(path);
}

int domain_entries_request_shutdown(domid_t domain, const char *how)
{
    char path[STORE_PATH_SIZE];

    format_text(path, sizeof path, "/local/domain/%u/control/shutdown", domain);
    return store_write(path, how);
}

int domain_entries_set_target(domid_t domain, uint64_t kib)
{
    char path[STORE_PATH_SIZE], value[24];

    format_text(path, sizeof path, "/local/domain/%u/memory/target", domain);
    format_text(value, sizeof value, "%llu", (unsigned long long)kib);
    return store_write(path, value);
}

struct vcpu_entries {
    unsigned int online, maximum;
};

static void put_vcpu_entries(struct entry_writer *writer, const void *argument)
{
    const struct vcpu_entries *entries = argument;

    entry_prefix(writer, "/local/domain/%u", writer->domain);
    put_vcpus(writer, entries->online, entries->maximum);
}

int domain_entries_set_vcpus(domid_t domain, unsigned int online, unsigned int maximum)
{
    struct vcpu_entries entries = {.online = online, .maximum = maximum};

    return entry_transact(domain, put_vcpu_entries, &entries);
}

int domain_entries_press_sysrq(domid_t domain, char key)
{
    char path[STORE_PATH_SIZE], value[] = {key, '\0'};

    format_text(path, sizeof path, "/local/domain/%u/control/sysrq", domain);
    return store_write(path, value);
}
