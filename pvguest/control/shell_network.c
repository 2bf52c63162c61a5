/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands about the network.
 */
#include "drivers/bus/key.h"
#include "drivers/net/back.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/network.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/print.h"

static void show_counters(const struct network_interface *interface)
{
    const struct network_counters *counters = &interface->counters;

    print("     %s on %s: %s; received %llu frames, %llu bytes; sent %llu frames, %llu bytes\n",
          interface->name, interface->bridge->name,
          !interface->is_up         ? "down"
          : !interface->has_carrier ? "no link"
                                    : "up",
          (unsigned long long)counters->received_frames,
          (unsigned long long)counters->received_bytes, (unsigned long long)counters->sent_frames,
          (unsigned long long)counters->sent_bytes);
    print("     spoofed %llu, malformed %llu, dropped %llu\n",
          (unsigned long long)counters->spoofed, (unsigned long long)counters->malformed,
          (unsigned long long)counters->dropped);
}

static uint64_t front_number(const char *directory, const char *key)
{
    char front[STORE_PATH_SIZE];

    if (bus_key_read(directory, "frontend", front, sizeof(front)) != 0)
        return 0;
    return bus_key_read_optional(front, key, 0);
}

/* As `xl network-list` has it, and what the bridge knows of a connected one. */
static void show_device(domid_t domain, const char *name)
{
    char directory[STORE_PATH_SIZE], interface_name[NETWORK_NAME_SIZE], address[STORE_VALUE_SIZE];
    const struct network_interface *interface;

    format_text(directory, sizeof(directory), "/local/domain/0/backend/vif/%u/%s", domain, name);
    format_text(interface_name, sizeof(interface_name), "vif%u.%s", domain, name);
    if (bus_key_read(directory, "mac", address, sizeof(address)) != 0)
        text_copy(address, "-", sizeof(address));
    print("%-3s 0  %-17s %6llu   %3d   %6llu %5llu/%-11llu %s\n", name, address,
          (unsigned long long)bus_key_read_optional(directory, "handle", 0),
          bus_state_read(directory), (unsigned long long)front_number(directory, "event-channel"),
          (unsigned long long)front_number(directory, "tx-ring-ref"),
          (unsigned long long)front_number(directory, "rx-ring-ref"), directory);
    interface = network_find(interface_name);
    if (interface != NULL)
        show_counters(interface);
}

static int visit_device(const char *name, void *argument)
{
    show_device(*(const domid_t *)argument, name);
    return 0;
}

static void show_domain(domid_t domain)
{
    char directory[STORE_PATH_SIZE];

    format_text(directory, sizeof(directory), "/local/domain/0/backend/vif/%u", domain);
    (void)store_directory(directory, visit_device, &domain);
}

static int visit_domain(const char *name, void *argument)
{
    uint64_t domain;

    (void)argument;
    if (text_parse_unsigned(&name, &domain) && domain < DOMID_FIRST_RESERVED)
        show_domain((domid_t)domain);
    return 0;
}

static void show_cards(void)
{
    char address[NETWORK_ADDRESS_TEXT_SIZE];

    for (const struct network_interface *each = network_next(NULL); each;
         each = network_next(each)) {
        if (!each->is_card)
            continue;
        network_address_text(&each->address, address);
        print("%-6s %-17s %s\n", each->name, address, each->type->name);
        show_counters(each);
    }
}

int command_network_list(int count, char **words)
{
    domid_t domain;

    print("%-3s BE %-17s handle state evt-ch   tx-/rx-ring-ref   BE-path\n", "Idx", "Mac Addr.");
    for (int i = 1; i < count; i++) {
        if (!shell_find_domain(words[i], &domain))
            return 1;
        show_domain(domain);
    }
    if (count > 1)
        return 0;
    (void)store_directory("/local/domain/0/backend/vif", visit_domain, NULL);
    show_cards();
    return 0;
}

int command_network_link(int count, char **words)
{
    struct network_interface *interface;

    if (count != 3 || (strcmp(words[2], "up") != 0 && strcmp(words[2], "down") != 0))
        return shell_usage(words[0]);
    interface = network_find(words[1]);
    if (interface == NULL) {
        print("%s is not an interface\n", words[1]);
        return 1;
    }
    interface->is_up = strcmp(words[2], "up") == 0;
    network_notice();
    return 0;
}

int command_network_restart(int count, char **words)
{
    int error;

    (void)count, (void)words;
    net_back_stop();
    error = net_back_start();
    if (error != 0)
        print("the network back end cannot be started: error %d\n", error);
    return error != 0;
}
