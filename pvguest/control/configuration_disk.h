/* SPDX-License-Identifier: MIT */
/*
 * One disk specification of xl.cfg (xl-disk-configuration): positional target, format, vdev,
 * access, then or instead key=value parameters, `target=` last; and the number of a virtual device.
 * Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/configuration_syntax.h"

struct configuration_disk {
    const char *target; /* a device "/dev/…" or a member of the archive */
    const char *vdev;   /* "xvda" */
    uint32_t number;    /* the ABI's number of vdev */
    bool is_device;     /* target names a device, not a file */
    bool writable;
    bool removable; /* cdrom */
};

/*
 * Parse `specification`; strings go into syntax->storage, complaints to its report with `line`.
 * 0 or -XEN_E….
 */
int configuration_disk_parse(struct syntax *syntax, unsigned line, const char *specification,
                             struct configuration_disk *disk);

/* The device number of "xvda", "hdb2", "sdc", "d0p1" or a plain number; false for no such name. */
bool configuration_disk_number(const char *vdev, uint32_t *number);
