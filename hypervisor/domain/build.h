/* SPDX-License-Identifier: MIT */
/*
 * The first domain's builder: makes domain 0 from the first module (an ELF kernel with Xen notes,
 * lib/elf.h) and, as its initrd, the second, in the layout of lib/pv_layout.h. Start-up only, on
 * the boot processor.
 */
#pragma once

/*
 * Build domain 0 and let it run. 0, or a negative errno after one printed line that names the
 * module and says what is wrong with it.
 */
int build_first_domain(void);
