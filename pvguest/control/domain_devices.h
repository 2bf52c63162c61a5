/* SPDX-License-Identifier: MIT */
/*
 * A guest's devices in the store, front ends' directories and back ends', as Xen's tools write
 * them, and how back ends are waited for. No state; threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <xen/domctl.h>

#include "pvguest/control/configuration.h"

/* All in one transaction, so that a back end sees whole directories. 0 or a negative errno. */
int domain_devices_write(domid_t domain, const xen_domain_handle_t handle,
                         const struct configuration *configuration);

/* Wait until the back ends have taken notice of the devices; false when one does not. */
bool domain_devices_wait(domid_t domain);

/* Ask the back ends to let go and wait a moment until they have. */
void domain_devices_close(domid_t domain);

/* Remove the back ends' directories. */
void domain_devices_remove(domid_t domain);
