/* SPDX-License-Identifier: MIT */
/*
 * The page of small stubs through which a guest makes hypercalls: 32 bytes for each number.
 */
#pragma once

/* Write the stubs into a page of the guest's, by the hypervisor's own mapping of it. */
void hypercall_page_fill(void *page);
