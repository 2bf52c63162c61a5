/* SPDX-License-Identifier: MIT */
/*
 * What is counted, and how a privileged domain reads it: each domain is one counter of
 * XEN_SYSCTL_perfc_op, "hypercalls dN", with a value for each hypercall number. Each vcpu counts
 * its own calls, without a lock; a reader sees each value at some time during the call.
 */
#pragma once

#include <stdint.h>

#include <xen/sysctl.h>

/*
 * XEN_SYSCTL_perfc_op: -XEN_EINVAL (unknown command), -XEN_EFAULT. Descriptions and values are
 * stored for as many as the caller says that there is room for; the numbers of all are answered.
 */
int counters_operation(struct xen_sysctl *operation);
