/* SPDX-License-Identifier: MIT */
/*
 * What a domain configuration in xl.cfg syntax says. Keys and defaults are xl's; a key that xl
 * knows and this control domain has no use for is accepted, any other is warned about.
 *
 * Pure: no allocation, every string lives inside the structure. It is large (CONFIGURATION_STORAGE
 * and more): keep it on the heap, not on a thread's stack.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

#include "pvguest/control/configuration_disk.h"
#include "pvguest/control/configuration_network.h"
#include "pvguest/control/configuration_syntax.h"
#include "pvguest/control/pcpu_set.h"

#define CONFIGURATION_STORAGE   8192
#define CONFIGURATION_MAX_DISKS 8
#define CONFIGURATION_MAX_VIFS  8
#define CONFIGURATION_MAX_VCPUS XEN_LEGACY_MAX_VCPUS

/* What to do with a domain that has ended. */
enum domain_action { ACTION_DESTROY, ACTION_RESTART, ACTION_PRESERVE };

/* Where vcpus may run: `count` sets for the first so many of them, none for the others. */
struct configuration_affinity {
    size_t count;
    struct pcpu_set sets[CONFIGURATION_MAX_VCPUS];
};

struct configuration {
    const char *name;
    const char *kernel;
    const char *ramdisk;      /* NULL: none */
    const char *command_line; /* never NULL */
    uint64_t memory_mib, maximum_mib;
    uint64_t vcpus, maximum_vcpus;
    uint64_t cpu_weight, cap; /* 0: as the hypervisor has it */
    struct configuration_affinity hard, soft;
    enum domain_action on_poweroff, on_reboot, on_crash;
    size_t disk_count;
    struct configuration_disk disks[CONFIGURATION_MAX_DISKS];
    size_t vif_count;
    struct configuration_vif vifs[CONFIGURATION_MAX_VIFS];
    struct configuration_storage storage;
    char bytes[CONFIGURATION_STORAGE];
};

/*
 * Read `size` bytes of text. 0, or -XEN_E… after one report of what is wrong and in which line;
 * warnings are reported too and do no harm.
 */
int configuration_read(struct configuration *configuration, const char *file_name, const char *text,
                       size_t size, configuration_report_t *report, void *report_argument);

/* xl's word for an action. */
const char *configuration_action_name(enum domain_action action);
