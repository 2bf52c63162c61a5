/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_table.h"

#include <stddef.h>

static unsigned int set_of(const struct network_address *address)
{
    uint32_t hash = 0;

    for (unsigned int i = 0; i < NETWORK_ADDRESS_SIZE; i++)
        hash = hash * 31 + address->bytes[i];
    return (hash ^ hash >> 6 ^ hash >> 12) % NETWORK_TABLE_SETS;
}

static struct network_station *find(const struct network_table *table,
                                    const struct network_address *address)
{
    const struct network_station *set = table->stations[set_of(address)];

    for (unsigned int i = 0; i < NETWORK_TABLE_WAYS; i++)
        if (set[i].used && network_address_equal(&set[i].address, address))
            return (struct network_station *)&set[i];
    return NULL;
}

/* A free entry of the address's set, or that of the station silent for longest. */
static struct network_station *find_room(struct network_table *table,
                                         const struct network_address *address)
{
    struct network_station *set = table->stations[set_of(address)], *oldest = NULL;

    for (unsigned int i = 0; i < NETWORK_TABLE_WAYS; i++) {
        if (!set[i].used)
            return &set[i];
        if (!set[i].fixed && (oldest == NULL || set[i].seen_ns < oldest->seen_ns))
            oldest = &set[i];
    }
    return oldest;
}

void network_table_learn(struct network_table *table, const struct network_address *address,
                         unsigned int place, uint64_t now_ns)
{
    struct network_station *station = find(table, address);

    if (station == NULL)
        station = find_room(table, address);
    else if (station->fixed)
        return;
    if (station != NULL)
        *station = (struct network_station){
            .address = *address, .used = true, .place = (uint8_t)place, .seen_ns = now_ns};
}

bool network_table_fix(struct network_table *table, const struct network_address *address,
                       unsigned int place)
{
    struct network_station *station = find(table, address);

    if (station != NULL && station->fixed)
        return station->place == place;
    if (station == NULL)
        station = find_room(table, address);
    if (station == NULL)
        return false;
    *station = (struct network_station){
        .address = *address, .used = true, .fixed = true, .place = (uint8_t)place};
    return true;
}

void network_table_forget(struct network_table *table, unsigned int place)
{
    for (unsigned int set = 0; set < NETWORK_TABLE_SETS; set++)
        for (unsigned int way = 0; way < NETWORK_TABLE_WAYS; way++)
            if (table->stations[set][way].place == place)
                table->stations[set][way].used = false;
}

int network_table_find(const struct network_table *table, const struct network_address *address,
                       uint64_t now_ns)
{
    const struct network_station *station = find(table, address);

    if (station == NULL || (!station->fixed && now_ns - station->seen_ns > NETWORK_TABLE_AGE_NS))
        return NETWORK_PLACE_NONE;
    return station->place;
}
