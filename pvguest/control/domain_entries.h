/* SPDX-License-Identifier: MIT */
/*
 * What the store says about a guest, written as Xen's tools write it: /local/domain/N, /vm/UUID.
 * Its devices are domain_devices.h's. No state; threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>

#include "pvguest/control/builder.h"
#include "pvguest/control/configuration.h"

#define HANDLE_TEXT_SIZE 37

/* All of them, before the domain is introduced. 0 or a negative errno; then nothing is left. */
int domain_entries_write(domid_t domain, const xen_domain_handle_t handle,
                         const struct configuration *configuration,
                         const struct builder_rings *rings);

/* Remove everything that domain_entries_write() made. */
void domain_entries_remove(domid_t domain, const xen_domain_handle_t handle);

/* "poweroff", "reboot", …: asks the guest through control/shutdown. */
int domain_entries_request_shutdown(domid_t domain, const char *how);

/* memory/target, which its balloon driver follows. */
int domain_entries_set_target(domid_t domain, uint64_t kib);

/* cpu/N/availability of each of `maximum` vcpus: the guest takes `online` of them into use. */
int domain_entries_set_vcpus(domid_t domain, unsigned int online, unsigned int maximum);

/* control/sysrq: the guest acts as on this key with SysRq. */
int domain_entries_press_sysrq(domid_t domain, char key);

/* The handle in the usual form of a UUID. */
void domain_entries_handle_text(const xen_domain_handle_t handle, char text[HANDLE_TEXT_SIZE]);
