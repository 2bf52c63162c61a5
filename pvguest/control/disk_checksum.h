/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 as GPT uses it (IEEE 802.3: reflected polynomial 0xedb88320, all ones before and after).
 * Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t disk_checksum(const void *data, size_t size);
