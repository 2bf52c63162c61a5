/* SPDX-License-Identifier: MIT */
/*
 * One network interface specification of xl.cfg (xl-network-configuration): key=value parameters
 * separated by commas; and the text of a rate. Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/configuration_syntax.h"
#include "pvguest/control/network_frame.h"

struct configuration_vif {
    struct network_address address; /* when has_address; else one is derived */
    bool has_address;
    bool antispoof;      /* only the own source address may be used */
    const char *bridge;  /* "xenbr0" */
    uint64_t rate_bytes; /* in each interval; 0: no limit */
    uint64_t rate_interval_us;
};

/*
 * Parse `specification`; strings go into syntax->storage, complaints to its report with `line`.
 * 0 or -XEN_E….
 */
int configuration_vif_parse(struct syntax *syntax, unsigned line, const char *specification,
                            struct configuration_vif *vif);

/* "10Mb/s", "250KB/s@20ms" into bytes in each interval; false for anything else. */
bool configuration_rate_parse(const char *text, uint64_t *bytes, uint64_t *interval_us);

/* The address of a domain's interface whose configuration names none: 00:16:3e and the rest. */
struct network_address configuration_vif_address(const uint8_t handle[16], unsigned int index);
