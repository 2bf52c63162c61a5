/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_entries.h"

#include <stdarg.h>
#include <xen/errno.h>

#include "drivers/bus/key.h"
#include "lib/format.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/thread.h"

#define DEVICE_TIMEOUT_NS 3000000000ull
#define DEVICE_POLL_NS    2000000ull

/* A transaction that remembers its first error, so that a list of entries reads as a list. */
struct writer {
    store_transaction_t transaction;
    domid_t domain;
    int status;
    char prefix[64]; /* in front of every key */
};

__attribute__((format(printf, 2, 3))) static void set_prefix(struct writer *writer,
                                                             const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    format_text_va(writer->prefix, sizeof writer->prefix, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 3, 4))) static void put(struct writer *writer, const char *key,
                                                      const char *format, ...)
{
    char path[STORE_PATH_SIZE], value[MAX_GUEST_CMDLINE];
    va_list arguments;

    if (writer->status)
        return;
    format_text(path, sizeof path, "%s/%s", writer->prefix, key);
    va_start(arguments, format);
    format_text_va(value, sizeof value, format, arguments);
    va_end(arguments);
    writer->status = store_write_in(writer->transaction, path, value);
}

/* An empty directory, or an existing node, that belongs to `owner` and `reader` may read. */
static void put_directory(struct writer *writer, const char *key, domid_t owner, domid_t reader)
{
    char path[STORE_PATH_SIZE], permissions[32];

    if (writer->status)
        return;
    format_text(path, sizeof path, "%s%s%s", writer->prefix, *key ? "/" : "", key);
    format_text(permissions, sizeof permissions, "n%u r%u", owner, reader);
    writer->status = store_mkdir_in(writer->transaction, path);
    if (!writer->status)
        writer->status = store_set_permissions_in(writer->transaction, path, permissions);
}

static void put_own_directory(struct writer *writer, const char *key)
{
    put_directory(writer, key, writer->domain, 0);
}

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

static void put_machine(struct writer *writer, const char *handle,
                        const struct configuration *configuration)
{
    set_prefix(writer, "/vm/%s", handle);
    put_directory(writer, "", 0, writer->domain);
    put(writer, "uuid", "%s", handle);
    put(writer, "name", "%s", configuration->name);
    put(writer, "image/ostype", "linux");
    put(writer, "image/kernel", "%s", configuration->kernel);
    if (configuration->ramdisk)
        put(writer, "image/ramdisk", "%s", configuration->ramdisk);
    put(writer, "image/cmdline", "%s", configuration->command_line);
    put(writer, "start_time", "%llu.00", (unsigned long long)clock_wall_seconds());
}

static void put_vcpus(struct writer *writer, uint64_t online, uint64_t maximum)
{
    char key[32];

    for (unsigned int vcpu = 0; vcpu < maximum; vcpu++) {
        format_text(key, sizeof key, "cpu/%u/availability", vcpu);
        put(writer, key, "%s", vcpu < online ? "online" : "offline");
    }
}

static void put_domain(struct writer *writer, const char *handle,
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

    set_prefix(writer, "/local/domain/%u", writer->domain);
    put_directory(writer, "", 0, writer->domain);
    put(writer, "vm", "/vm/%s", handle);
    put(writer, "name", "%s", configuration->name);
    put(writer, "domid", "%u", writer->domain);
    put(writer, "memory/static-max", "%llu", (unsigned long long)configuration->maximum_mib * 1024);
    put(writer, "memory/target", "%llu", (unsigned long long)configuration->memory_mib * 1024);
    put_vcpus(writer, configuration->vcpus, configuration->maximum_vcpus);
    put(writer, "control/platform-feature-multiprocessor-suspend", "1");
    for (size_t i = 0; i < sizeof guest_directories / sizeof guest_directories[0]; i++)
        put_own_directory(writer, guest_directories[i]);
}

static void put_rings(struct writer *writer, const struct builder_rings *rings)
{
    set_prefix(writer, "/local/domain/%u", writer->domain);
    put(writer, "store/port", "%u", rings->store_port);
    put(writer, "store/ring-ref", "%llu", (unsigned long long)rings->store_mfn);
    put(writer, "console/backend-id", "0");
    put(writer, "console/limit", "1048576");
    put(writer, "console/type", "xenconsoled");
    put(writer, "console/output", "pty");
    put(writer, "console/port", "%u", rings->console_port);
    put(writer, "console/ring-ref", "%llu", (unsigned long long)rings->console_mfn);
}

static void put_disk_back(struct writer *writer, const struct configuration_disk *disk)
{
    set_prefix(writer, "/local/domain/0/backend/vbd/%u/%u", writer->domain, disk->number);
    put_directory(writer, "", 0, writer->domain);
    put(writer, "frontend", "/local/domain/%u/device/vbd/%u", writer->domain, disk->number);
    put(writer, "frontend-id", "%u", writer->domain);
    put(writer, "params", "%s", disk->target);
    put(writer, "type", "%s", disk->is_device ? "phy" : "file");
    put(writer, "dev", "%s", disk->vdev);
    put(writer, "mode", "%s", disk->writable ? "w" : "r");
    put(writer, "device-type", "%s", disk->removable ? "cdrom" : "disk");
    put(writer, "removable", "%u", disk->removable);
    put(writer, "bootable", "1");
    put(writer, "online", "1");
    put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_disk_front(struct writer *writer, const struct configuration_disk *disk)
{
    set_prefix(writer, "/local/domain/%u/device/vbd/%u", writer->domain, disk->number);
    put_own_directory(writer, "");
    put(writer, "backend", "/local/domain/0/backend/vbd/%u/%u", writer->domain, disk->number);
    put(writer, "backend-id", "0");
    put(writer, "virtual-device", "%u", disk->number);
    put(writer, "device-type", "%s", disk->removable ? "cdrom" : "disk");
    put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_vif_back(struct writer *writer, const struct configuration_vif *vif,
                         const char *address, unsigned int number)
{
    set_prefix(writer, "/local/domain/0/backend/vif/%u/%u", writer->domain, number);
    put_directory(writer, "", 0, writer->domain);
    put(writer, "frontend", "/local/domain/%u/device/vif/%u", writer->domain, number);
    put(writer, "frontend-id", "%u", writer->domain);
    put(writer, "handle", "%u", number);
    put(writer, "mac", "%s", address);
    put(writer, "bridge", "%s", vif->bridge);
    put(writer, "type", "vif");
    put(writer, "antispoof", "%u", vif->antispoof);
    if (vif->rate_bytes)
        put(writer, "rate", "%llu,%llu", (unsigned long long)vif->rate_bytes,
            (unsigned long long)vif->rate_interval_us);
    put(writer, "online", "1");
    put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_vif_front(struct writer *writer, const char *address, unsigned int number)
{
    set_prefix(writer, "/local/domain/%u/device/vif/%u", writer->domain, number);
    put_own_directory(writer, "");
    put(writer, "backend", "/local/domain/0/backend/vif/%u/%u", writer->domain, number);
    put(writer, "backend-id", "0");
    put(writer, "handle", "%u", number);
    put(writer, "mac", "%s", address);
    put(writer, "mtu", "1500");
    put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_vif(struct writer *writer, const xen_domain_handle_t handle,
                    const struct configuration_vif *vif, unsigned int number)
{
    struct network_address address =
        vif->has_address ? vif->address : configuration_vif_address(handle, number);
    char text[NETWORK_ADDRESS_TEXT_SIZE];

    network_address_text(&address, text);
    put_vif_front(writer, text, number);
    put_vif_back(writer, vif, text, number);
}

int domain_entries_write(domid_t domain, const xen_domain_handle_t handle,
                         const struct configuration *configuration,
                         const struct builder_rings *rings)
{
    struct writer writer = {.domain = domain};
    char handle_text[HANDLE_TEXT_SIZE];
    int status;

    domain_entries_handle_text(handle, handle_text);
    do {
        status = store_transaction_start(&writer.transaction);
        if (status)
            return status;
        writer.status = 0;
        put_machine(&writer, handle_text, configuration);
        put_domain(&writer, handle_text, configuration);
        put_rings(&writer, rings);
        for (size_t i = 0; i < configuration->disk_count; i++) {
            put_disk_front(&writer, &configuration->disks[i]);
            put_disk_back(&writer, &configuration->disks[i]);
        }
        for (unsigned int i = 0; i < configuration->vif_count; i++)
            put_vif(&writer, handle, &configuration->vifs[i], i);
        status = store_transaction_finish(writer.transaction, writer.status);
    } while (status == -XEN_EAGAIN);
    return status;
}

/* Every back end's directory of one class and domain: backend/vbd/N/DEVID. */
struct class_visit {
    store_visit_t *visit;
    domid_t domain;
    const char *directory;
};

static int visit_class(const char *class, void *argument)
{
    struct class_visit *visit = argument;
    char path[STORE_PATH_SIZE];
    int status;

    format_text(path, sizeof path, "/local/domain/0/backend/%s/%u", class, visit->domain);
    visit->directory = path;
    status = store_directory(path, visit->visit, visit);
    return status == -XEN_ENOENT ? 0 : status;
}

static int visit_backs(domid_t domain, store_visit_t *visit_device)
{
    struct class_visit visit = {.visit = visit_device, .domain = domain};

    return store_directory("/local/domain/0/backend", visit_class, &visit);
}

static int ask_to_close(const char *device, void *argument)
{
    const struct class_visit *visit = argument;
    char path[STORE_PATH_SIZE];

    format_text(path, sizeof path, "%s/%s/online", visit->directory, device);
    store_write(path, "0");
    return 0;
}

/* 1 stops the visit: there is one that still holds on. */
static int is_open(const char *device, void *argument)
{
    const struct class_visit *visit = argument;
    char path[STORE_PATH_SIZE];

    format_text(path, sizeof path, "%s/%s", visit->directory, device);
    switch (bus_state_read(path)) {
    case XenbusStateInitialised:
    case XenbusStateConnected:
    case XenbusStateClosing:
        return 1;
    default:
        return 0;
    }
}

/* 1 stops the visit: its back end has not looked at it yet. */
static int is_new(const char *device, void *argument)
{
    const struct class_visit *visit = argument;
    char path[STORE_PATH_SIZE];

    format_text(path, sizeof path, "%s/%s", visit->directory, device);
    return bus_state_read(path) == XenbusStateInitialising;
}

/* Wait until no back end's directory is such that `busy` stops a visit. */
static bool wait_for_backs(domid_t domain, store_visit_t *busy)
{
    uint64_t deadline = clock_monotonic_ns() + DEVICE_TIMEOUT_NS;

    while (visit_backs(domain, busy) == 1) {
        if (clock_monotonic_ns() >= deadline)
            return false;
        thread_sleep_ns(DEVICE_POLL_NS);
    }
    return true;
}

bool domain_entries_wait_devices(domid_t domain)
{
    return wait_for_backs(domain, is_new);
}

static int remove_class(const char *class, void *argument)
{
    const struct class_visit *visit = argument;
    char path[STORE_PATH_SIZE];

    format_text(path, sizeof path, "/local/domain/0/backend/%s/%u", class, visit->domain);
    store_remove(path);
    return 0;
}

void domain_entries_close_devices(domid_t domain)
{
    char path[STORE_PATH_SIZE];

    visit_backs(domain, ask_to_close);
    /* The guest is paused or dead and cannot close its ends itself; without them back ends close.*/
    format_text(path, sizeof path, "/local/domain/%u/device", domain);
    store_remove(path);
    if (!wait_for_backs(domain, is_open))
        notice("a back end of domain %u does not let go", domain);
}

void domain_entries_remove(domid_t domain, const xen_domain_handle_t handle)
{
    struct class_visit visit = {.domain = domain};
    char path[STORE_PATH_SIZE], handle_text[HANDLE_TEXT_SIZE];

    store_directory("/local/domain/0/backend", remove_class, &visit);
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

int domain_entries_set_vcpus(domid_t domain, unsigned int online, unsigned int maximum)
{
    struct writer writer = {.domain = domain};
    int status;

    set_prefix(&writer, "/local/domain/%u", domain);
    do {
        status = store_transaction_start(&writer.transaction);
        if (status)
            return status;
        writer.status = 0;
        put_vcpus(&writer, online, maximum);
        status = store_transaction_finish(writer.transaction, writer.status);
    } while (status == -XEN_EAGAIN);
    return status;
}

int domain_entries_press_sysrq(domid_t domain, char key)
{
    char path[STORE_PATH_SIZE], value[] = {key, '\0'};

    format_text(path, sizeof path, "/local/domain/%u/control/sysrq", domain);
    return store_write(path, value);
}
