/* SPDX-License-Identifier: MIT */
#include "drivers/net/back.h"

#include <xen/errno.h>

#include "drivers/bus/back.h"
#include "drivers/net/back_instance.h"
#include "lib/format.h"
#include "lib/text.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"

#define BRIDGE_DEFAULT "xenbr0"

static int read_address(const struct bus_back *back, struct network_address *address)
{
    char text[STORE_VALUE_SIZE];
    int error = bus_key_read(back->directory, "mac", text, sizeof(text));

    if (error != 0)
        return error;
    if (!network_address_parse(text, address) || network_address_is_group(address))
        return -XEN_EINVAL;
    return 0;
}

static void read_rate(const struct bus_back *back, struct network_interface *interface)
{
    char text[STORE_VALUE_SIZE];
    uint64_t bytes, interval_us;

    if (bus_key_read(back->directory, "rate", text, sizeof(text)) != 0)
        return;
    if (network_rate_parse(text, &bytes, &interval_us))
        network_rate_set(&interface->rate, bytes, interval_us, clock_monotonic_ns());
    else
        notice("network: %s: the rate %s is not understood: no limit", interface->name, text);
}

/* What the toolstack wrote. */
static int read_parameters(const struct bus_back *back, struct net_instance *instance)
{
    struct network_interface *interface = &instance->interface;

    format_text(interface->name, sizeof(interface->name), "vif%u.%u", back->front_domain, back->id);
    if (bus_key_read(back->directory, "bridge", instance->bridge, sizeof(instance->bridge)) != 0)
        text_copy(instance->bridge, BRIDGE_DEFAULT, sizeof(instance->bridge));
    interface->may_spoof = bus_key_read_optional(back->directory, "antispoof", 1) == 0;
    interface->is_up = bus_key_read_optional(back->directory, "disconnect", 0) == 0;
    read_rate(back, interface);
    return read_address(back, &interface->address);
}

static int write_features(const struct bus_back *back)
{
    static const char *const features[] = {"feature-sg", "feature-gso-tcpv4", "feature-rx-copy"};
    int error = 0;

    for (unsigned int i = 0; error == 0 && i < sizeof(features) / sizeof(features[0]); i++)
        error = bus_key_write(STORE_NO_TRANSACTION, back->directory, features[i], "1");
    return error;
}

static int back_create(struct bus_back *back)
{
    struct net_instance *instance = heap_allocate_zeroed(sizeof(*instance));
    int error;

    if (instance == NULL)
        return -XEN_ENOMEM;
    instance->domain = instance->interface.domain = back->front_domain;
    instance->interface.type = &net_instance_type;
    list_init(&instance->interface.link);
    error = read_parameters(back, instance);
    if (error == 0)
        error = write_features(back);
    if (error != 0) {
        heap_free(instance);
        return error;
    }
    back->context = instance;
    return 0;
}

static int read_number(const struct bus_back *back, const char *key, uint32_t *number)
{
    uint64_t value;
    int error = bus_key_read_unsigned(back->front_directory, key, &value);

    if (error == 0 && value > UINT32_MAX)
        error = -XEN_EINVAL;
    *number = (uint32_t)value;
    return error;
}

static bool has_feature(const struct bus_back *back, const char *feature)
{
    return bus_key_read_optional(back->front_directory, feature, 0) != 0;
}

static int read_offer(const struct bus_back *back, struct net_front_offer *offer)
{
    int error = read_number(back, "tx-ring-ref", &offer->tx_ref);

    if (error == 0)
        error = read_number(back, "rx-ring-ref", &offer->rx_ref);
    if (error == 0)
        error = read_number(back, "event-channel", &offer->port);
    if (error != 0)
        return error;
    if (!has_feature(back, "request-rx-copy"))
        return -XEN_EOPNOTSUPP;
    offer->takes_scattered = has_feature(back, "feature-sg");
    offer->takes_segments = has_feature(back, "feature-gso-tcpv4");
    offer->takes_blank = !has_feature(back, "feature-no-csum-offload");
    return 0;
}

static int back_connect(struct bus_back *back)
{
    struct net_front_offer offer;
    int error = read_offer(back, &offer);

    return error != 0 ? error : net_instance_connect(back->context, &offer);
}

static void back_disconnect(struct bus_back *back)
{
    net_instance_disconnect(back->context);
}

static void back_destroy(struct bus_back *back)
{
    heap_free(back->context);
}

static const struct bus_back_driver net_back_driver = {
    .type = "vif",
    .create = back_create,
    .connect = back_connect,
    .disconnect = back_disconnect,
    .destroy = back_destroy,
};

static struct bus_back_class class;

int net_back_start(void)
{
    return bus_back_register(&class, &net_back_driver);
}

void net_back_stop(void)
{
    bus_back_unregister(&class);
}
