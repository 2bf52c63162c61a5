/* SPDX-License-Identifier: MIT */
/*
 * The proof that reference counts tell the truth: every reference to a domain's frames is counted
 * from scratch, from page tables, pins, virtual CPUs and grants of all domains, and compared with
 * what the frame table says. Every entry of every valid table is looked at again, too.
 *
 * The machine must be quiet: the domains concerned are paused, no hypercall of theirs is under way,
 * and the caller holds no references or locks. Passes preempt points.
 */
#pragma once

#include <stdint.h>

struct domain;

struct audit_result {
    uint64_t frames; /* that the domain owns */
    uint64_t tables; /* of them, valid page tables */
    uint64_t errors; /* 0: all is well; each is printed, up to a limit */
};

/* 0 (also with errors found) or -XEN_ENOMEM. */
int audit_domain(struct domain *domain, struct audit_result *result);
