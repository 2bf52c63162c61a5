/* SPDX-License-Identifier: MIT */
#include "pvguest/control/configuration_network.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"

#define BRIDGE_DEFAULT      "xenbr0"
#define BRIDGE_NAME_SIZE    16
#define INTERVAL_DEFAULT_US 50000
#define INTERVAL_LIMIT_US   10000000
#define RATE_LIMIT          (1ull << 33) /* bits or bytes per second */

struct parse {
    struct syntax *syntax;
    unsigned line;
    struct configuration_vif *vif;
};

static int refuse(const struct parse *parse, const char *what, const char *value)
{
    syntax_report(parse->syntax, parse->line, "vif: %s `%s'", what, value);
    return -XEN_EINVAL;
}

/* "@20ms" or "@500us" or nothing. */
static bool parse_interval(const char *cursor, uint64_t *interval_us)
{
    *interval_us = INTERVAL_DEFAULT_US;
    if (*cursor == '\0')
        return true;
    if (*cursor++ != '@' || !text_parse_unsigned(&cursor, interval_us) ||
        *interval_us > INTERVAL_LIMIT_US)
        return false;
    if (strcmp(cursor, "ms") == 0)
        *interval_us *= 1000;
    else if (strcmp(cursor, "s") == 0)
        *interval_us *= 1000000;
    else if (strcmp(cursor, "us") != 0)
        return false;
    return *interval_us > 0 && *interval_us <= INTERVAL_LIMIT_US;
}

bool configuration_rate_parse(const char *text, uint64_t *bytes, uint64_t *interval_us)
{
    uint64_t value, factor = 1;
    bool are_bits;

    if (!text_parse_unsigned(&text, &value))
        return false;
    if (*text == 'G' || *text == 'M' || *text == 'K')
        factor = *text == 'G' ? 1000000000 : *text == 'M' ? 1000000 : 1000;
    text += factor > 1;
    are_bits = *text == 'b';
    if ((*text != 'b' && *text != 'B') || !text_starts_with(text + 1, "/s") ||
        !parse_interval(text + 3, interval_us))
        return false;
    if (value == 0 || value > RATE_LIMIT / factor)
        return false;
    *bytes = value * factor / (are_bits ? 8 : 1) * *interval_us / 1000000;
    return *bytes > 0;
}

static int set_address(const struct parse *parse, const char *value)
{
    struct configuration_vif *vif = parse->vif;

    if (!network_address_parse(value, &vif->address) || network_address_is_group(&vif->address))
        return refuse(parse, "not the address of one interface:", value);
    vif->has_address = true;
    return 0;
}

static bool name_is_good(const char *name)
{
    size_t length = strnlen(name, BRIDGE_NAME_SIZE);

    for (const char *cursor = name; *cursor; cursor++)
        if (*cursor <= ' ' || *cursor == '/' || *cursor == '\x7f')
            return false;
    return length > 0 && length < BRIDGE_NAME_SIZE;
}

static int set_parameter(const struct parse *parse, const char *key, const char *value)
{
    struct configuration_vif *vif = parse->vif;

    if (strcmp(key, "mac") == 0)
        return set_address(parse, value);
    if (strcmp(key, "bridge") == 0) {
        vif->bridge = value;
        return name_is_good(value) ? 0 : refuse(parse, "not a bridge's name:", value);
    }
    if (strcmp(key, "rate") == 0)
        return configuration_rate_parse(value, &vif->rate_bytes, &vif->rate_interval_us)
                   ? 0
                   : refuse(parse, "not a rate:", value);
    if (strcmp(key, "antispoof") == 0) {
        vif->antispoof = strcmp(value, "off") != 0;
        return !vif->antispoof || strcmp(value, "on") == 0
                   ? 0
                   : refuse(parse, "antispoof must be on or off, not", value);
    }
    if (strcmp(key, "backend") == 0)
        return strcmp(value, "0") == 0 || strcmp(value, "Domain-0") == 0
                   ? 0
                   : refuse(parse, "no such back end domain", value);
    if (strcmp(key, "script") == 0 || strcmp(key, "type") == 0 || strcmp(key, "model") == 0 ||
        strcmp(key, "vifname") == 0 || strcmp(key, "ip") == 0)
        return 0; /* there is one kind of interface, without scripts */
    return refuse(parse, "unknown parameter", key);
}

int configuration_vif_parse(struct syntax *syntax, unsigned line, const char *specification,
                            struct configuration_vif *vif)
{
    struct parse parse = {.syntax = syntax, .line = line, .vif = vif};
    char *cursor = storage_keep(syntax->storage, specification, strlen(specification));
    int status = 0;

    *vif = (struct configuration_vif){.bridge = BRIDGE_DEFAULT, .antispoof = true};
    if (!cursor)
        return refuse(&parse, "no room for", specification);
    while (cursor && status == 0) {
        char *word = cursor, *comma = strchr(cursor, ','), *equals;

        cursor = comma ? comma + 1 : NULL;
        if (comma)
            *comma = '\0';
        while (*word == ' ')
            word++;
        if (*word == '\0')
            continue;
        equals = strchr(word, '=');
        if (!equals)
            return refuse(&parse, "a parameter without a value:", word);
        *equals = '\0';
        status = set_parameter(&parse, word, equals + 1);
    }
    return status;
}

struct network_address configuration_vif_address(const uint8_t handle[16], unsigned int index)
{
    struct network_address address = {{0x00, 0x16, 0x3e}};

    address.bytes[3] = handle[13] & 0x7f;
    address.bytes[4] = handle[14];
    address.bytes[5] = (uint8_t)(handle[15] + index);
    return address;
}
