/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain's memory.
 */
#pragma once

struct domain;

/*
 * Give up all frames of a dying domain: pins, with them the tables and all they map, then the
 * frames themselves. Its vcpus are out for good and hold no references any more, its grant mappings
 * are undone. What others still map is freed with their last reference. Sleeps, passes preempt
 * points.
 */
void memory_release_domain(struct domain *domain);
