/* SPDX-License-Identifier: MIT */
/*
 * The vm_assist hypercall: switches of behaviour that a guest may ask for. Those that Xen offers a
 * 64-bit guest are accepted; which of them change anything here is said in docs/abi.md.
 */
#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"

#define ASSISTS_VALID                                                                  \
    (1UL << VMASST_TYPE_4gb_segments | 1UL << VMASST_TYPE_4gb_segments_notify |        \
     1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_pae_extended_cr3 |    \
     1UL << VMASST_TYPE_architectural_iopl | 1UL << VMASST_TYPE_runstate_update_flag | \
     1UL << VMASST_TYPE_m2p_strict)

long do_vm_assist(uint32_t command, uint32_t type)
{
    struct domain *domain = current_domain();

    if (type >= 64 || !(ASSISTS_VALID >> type & 1))
        return -XEN_EINVAL;
    switch (command) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&domain->vm_assist, 1UL << type, __ATOMIC_SEQ_CST);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&domain->vm_assist, ~(1UL << type), __ATOMIC_SEQ_CST);
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}
