/* SPDX-License-Identifier: MIT */
#include "drivers/block/back.h"

#include <xen/errno.h>

#include "drivers/block/back_instance.h"
#include "drivers/bus/back.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/disk_open.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/heap.h"

#define PROTOCOL_NATIVE "x86_64-abi"

static struct list instances = {&instances, &instances};

/* The archive's file that stands in for a missing real disk is named after the guest. */
static void fallback_name(domid_t domain, char *name, size_t size)
{
    char path[STORE_PATH_SIZE];
    char value[DISK_NAME_SIZE];

    format_text(path, sizeof(path), "/local/domain/%u/name", domain);
    if (store_read(path, value, sizeof(value)) != 0)
        value[0] = '\0';
    format_text(name, size, "%s.img", value);
}

static int open_disk(const struct bus_back *back, struct disk **disk)
{
    char target[STORE_VALUE_SIZE], mode[8], fallback[DISK_NAME_SIZE];
    int error = bus_key_read(back->directory, "params", target, sizeof(target));

    if (error != 0)
        return error;
    error = bus_key_read(back->directory, "mode", mode, sizeof(mode));
    if (error != 0)
        return error;
    fallback_name(back->front_domain, fallback, sizeof(fallback));
    error = disk_open(target, fallback, strchr(mode, 'w') != NULL, disk);
    if (error != 0)
        notice("block: domain %u: cannot open %s: error %d", back->front_domain, target, error);
    return error;
}

static int write_features(const struct bus_back *back)
{
    int error = bus_key_write(STORE_NO_TRANSACTION, back->directory, "feature-barrier", "1");

    if (error != 0)
        return error;
    return bus_key_write(STORE_NO_TRANSACTION, back->directory, "feature-flush-cache", "1");
}

static int back_create(struct bus_back *back)
{
    struct block_instance *instance = heap_allocate_zeroed(sizeof(*instance));
    int error;

    if (instance == NULL)
        return -XEN_ENOMEM;
    instance->domain = back->front_domain;
    wait_queue_init(&instance->finished);
    if (bus_key_read(back->directory, "dev", instance->name, sizeof(instance->name)) != 0)
        format_text(instance->name, sizeof(instance->name), "device %u", back->id);
    error = open_disk(back, &instance->disk);
    if (error != 0)
        goto free_instance;
    instance->limits.sectors = instance->disk->sectors;
    instance->limits.readonly = instance->disk->readonly;
    error = write_features(back);
    if (error != 0)
        goto close;
    back->context = instance;
    list_push_back(&instances, &instance->link);
    return 0;

close:
    disk_close(instance->disk);
free_instance:
    heap_free(instance);
    return error;
}

/* Only the native layout of requests; a front end that says nothing means it. */
static int check_protocol(const struct bus_back *back)
{
    char protocol[32];
    int error = bus_key_read(back->front_directory, "protocol", protocol, sizeof(protocol));

    if (error == -XEN_ENOENT)
        return 0;
    if (error != 0)
        return error;
    return strcmp(protocol, PROTOCOL_NATIVE) == 0 ? 0 : -XEN_EINVAL;
}

static int write_properties(const struct bus_back *back, const struct block_instance *instance)
{
    const struct {
        const char *key;
        unsigned long long value;
    } properties[] = {
        {"sectors", instance->limits.sectors},
        {"sector-size", BLOCK_SECTOR_SIZE},
        {"physical-sector-size", BLOCK_SECTOR_SIZE},
        {"info", instance->limits.readonly ? VDISK_READONLY : 0},
    };

    for (unsigned int i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        int error = bus_key_write(STORE_NO_TRANSACTION, back->directory, properties[i].key, "%llu",
                                  properties[i].value);

        if (error != 0)
            return error;
    }
    return 0;
}

static int back_connect(struct bus_back *back)
{
    struct block_instance *instance = back->context;
    uint64_t ring_ref, port;
    int error = check_protocol(back);

    if (error == 0)
        error = bus_key_read_unsigned(back->front_directory, "ring-ref", &ring_ref);
    if (error == 0)
        error = bus_key_read_unsigned(back->front_directory, "event-channel", &port);
    if (error != 0)
        return error;
    if (ring_ref > UINT32_MAX || port > UINT32_MAX)
        return -XEN_EINVAL;
    error = block_instance_connect(instance, (grant_ref_t)ring_ref, (evtchn_port_t)port);
    if (error != 0)
        return error;
    error = write_properties(back, instance);
    if (error != 0)
        block_instance_disconnect(instance);
    return error;
}

static void back_disconnect(struct bus_back *back)
{
    block_instance_disconnect(back->context);
}

static void back_destroy(struct bus_back *back)
{
    struct block_instance *instance = back->context;

    list_remove(&instance->link);
    disk_close(instance->disk);
    heap_free(instance);
}

static const struct bus_back_driver block_back_driver = {
    .type = "vbd",
    .create = back_create,
    .connect = back_connect,
    .disconnect = back_disconnect,
    .destroy = back_destroy,
};

/* Each ring in turn, at most its size of requests at a time, so that no guest starves another. */
static void block_thread(void *argument)
{
    (void)argument;
    for (;;) {
        WAIT_UNTIL(&block_instance_queue, block_instance_notified);
        block_instance_notified = false;
        list_for_each_safe(position, following, &instances) if (block_instance_serve(container_of(
                                                                    position, struct block_instance,
                                                                    link)))
            block_instance_notified = true;
        thread_yield();
    }
}

static struct bus_back_class class;

int block_back_start(void)
{
    static bool thread_started;

    if (!thread_started && thread_create("block", block_thread, NULL) == NULL)
        return -XEN_ENOMEM;
    thread_started = true;
    return bus_back_register(&class, &block_back_driver);
}

void block_back_stop(void)
{
    bus_back_unregister(&class);
}
