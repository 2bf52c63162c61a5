/* SPDX-License-Identifier: MIT */
/*
 * stac (0f 01 cb) and clac (0f 01 ca), which a processor without SMAP does not know: in the image
 * their second byte is 1f, which makes them do nothing. smap_enable() changes it where section
 * .smap_sites says. (entry.S has a macro for the same.)
 */
#pragma once

#define SMAP_INSTRUCTION(last)          \
    "7: .byte 0x0f, 0x1f, " last "\n"   \
    ".pushsection .smap_sites, \"a\"\n" \
    ".quad 7b\n"                        \
    ".popsection\n"
#define SMAP_STAC SMAP_INSTRUCTION("0xcb")
#define SMAP_CLAC SMAP_INSTRUCTION("0xca")

/* Boot processor, while the image is writable and nothing has reached for a guest's memory. */
void smap_enable(void);
