/* SPDX-License-Identifier: MIT */
/*
 * I/O ports a domain may use: none, or for the first domain all but those the hypervisor drives
 * itself (a table). PCI configuration space by 0xcf8/0xcfc shares one lock with ring 0's own use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct domain;

bool io_port_allowed(const struct domain *domain, uint16_t port, unsigned size);
uint32_t io_port_read(struct domain *domain, uint16_t port, unsigned size);
void io_port_write(struct domain *domain, uint16_t port, unsigned size, uint32_t value);
