/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/known_table.h"

#include "hypervisor/domain/domain.h"

void known_tables_forget_all(const struct domain *domain)
{
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            known_tables_forget(&domain->vcpus[i]->known);
}
