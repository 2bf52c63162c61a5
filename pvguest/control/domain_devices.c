/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_devices.h"

#include <stdint.h>
#include <xen/errno.h>

#include "drivers/bus/key.h"
#include "lib/format.h"
#include "pvguest/control/entry_writer.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/thread.h"

#define DEVICE_TIMEOUT_NS 3000000000ull
#define DEVICE_POLL_NS    2000000ull

static void put_disk_back(struct entry_writer *writer, const struct configuration_disk *disk)
{
    entry_prefix(writer, "/local/domain/0/backend/vbd/%u/%u", writer->domain, disk->number);
    entry_directory(writer, "", 0, writer->domain);
    entry_put(writer, "frontend", "/local/domain/%u/device/vbd/%u", writer->domain, disk->number);
    entry_put(writer, "frontend-id", "%u", writer->domain);
    entry_put(writer, "params", "%s", disk->target);
    entry_put(writer, "type", "%s", disk->is_device ? "phy" : "file");
    entry_put(writer, "dev", "%s", disk->vdev);
    entry_put(writer, "mode", "%s", disk->writable ? "w" : "r");
    entry_put(writer, "device-type", "%s", disk->removable ? "cdrom" : "disk");
    entry_put(writer, "removable", "%u", disk->removable);
    entry_put(writer, "bootable", "1");
    entry_put(writer, "online", "1");
    entry_put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_disk_front(struct entry_writer *writer, const struct configuration_disk *disk)
{
    entry_prefix(writer, "/local/domain/%u/device/vbd/%u", writer->domain, disk->number);
    entry_own_directory(writer, "");
    entry_put(writer, "backend", "/local/domain/0/backend/vbd/%u/%u", writer->domain, disk->number);
    entry_put(writer, "backend-id", "0");
    entry_put(writer, "virtual-device", "%u", disk->number);
    entry_put(writer, "device-type", "%s", disk->removable ? "cdrom" : "disk");
    entry_put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_vif_back(struct entry_writer *writer, const struct configuration_vif *vif,
                         const char *address, unsigned int number)
{
    entry_prefix(writer, "/local/domain/0/backend/vif/%u/%u", writer->domain, number);
    entry_directory(writer, "", 0, writer->domain);
    entry_put(writer, "frontend", "/local/domain/%u/device/vif/%u", writer->domain, number);
    entry_put(writer, "frontend-id", "%u", writer->domain);
    entry_put(writer, "handle", "%u", number);
    entry_put(writer, "mac", "%s", address);
    entry_put(writer, "bridge", "%s", vif->bridge);
    entry_put(writer, "type", "vif");
    entry_put(writer, "antispoof", "%u", vif->antispoof);
    if (vif->rate_bytes)
        entry_put(writer, "rate", "%llu,%llu", (unsigned long long)vif->rate_bytes,
                  (unsigned long long)vif->rate_interval_us);
    entry_put(writer, "online", "1");
    entry_put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_vif_front(struct entry_writer *writer, const char *address, unsigned int number)
{
    entry_prefix(writer, "/local/domain/%u/device/vif/%u", writer->domain, number);
    entry_own_directory(writer, "");
    entry_put(writer, "backend", "/local/domain/0/backend/vif/%u/%u", writer->domain, number);
    entry_put(writer, "backend-id", "0");
    entry_put(writer, "handle", "%u", number);
    entry_put(writer, "mac", "%s", address);
    entry_put(writer, "mtu", "1500");
    entry_put(writer, "state", "%u", XenbusStateInitialising);
}

static void put_vif(struct entry_writer *writer, const xen_domain_handle_t handle,
                    const struct configuration_vif *vif, unsigned int number)
{
    struct network_address address =
        vif->has_address ? vif->address : configuration_vif_address(handle, number);
    char text[NETWORK_ADDRESS_TEXT_SIZE];

    network_address_text(&address, text);
    put_vif_front(writer, text, number);
    put_vif_back(writer, vif, text, number);
}

struct devices {
    const uint8_t *handle;
    const struct configuration *configuration;
};

static void put_devices(struct entry_writer *writer, const void *argument)
{
    const struct devices *devices = argument;
    const struct configuration *configuration = devices->configuration;

    for (size_t i = 0; i < configuration->disk_count; i++) {
        put_disk_front(writer, &configuration->disks[i]);
        put_disk_back(writer, &configuration->disks[i]);
    }
    for (unsigned int i = 0; i < configuration->vif_count; i++)
        put_vif(writer, devices->handle, &configuration->vifs[i], i);
}

int domain_devices_write(domid_t domain, const xen_domain_handle_t handle,
                         const struct configuration *configuration)
{
    struct devices devices = {.handle = handle, .configuration = configuration};

    if (!configuration->disk_count && !configuration->vif_count)
        return 0;
    return entry_transact(domain, put_devices, &devices);
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

bool domain_devices_wait(domid_t domain)
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

void domain_devices_close(domid_t domain)
{
    char path[STORE_PATH_SIZE];

    visit_backs(domain, ask_to_close);
    /* The guest is paused or dead and cannot close its ends itself; without them back ends close.*/
    format_text(path, sizeof path, "/local/domain/%u/device", domain);
    store_remove(path);
    if (!wait_for_backs(domain, is_open))
        notice("a back end of domain %u does not let go", domain);
}

void domain_devices_remove(domid_t domain)
{
    struct class_visit visit = {.domain = domain};

    store_directory("/local/domain/0/backend", remove_class, &visit);
}
