/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/exception_table.h"

struct exception_entry {
    uint64_t fault, fixup;
};

extern const struct exception_entry extable_start[], extable_end[];

uint64_t exception_table_find(uint64_t rip)
{
    for (const struct exception_entry *entry = extable_start; entry < extable_end; entry++)
        if (entry->fault == rip)
            return entry->fixup;
    return 0;
}
