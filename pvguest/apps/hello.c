/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

void guest_main(void)
{
    print("hello: start_info magic %.32s\n", start_info->magic);
    print("hello: %lu free\n", page_free_count());
}
