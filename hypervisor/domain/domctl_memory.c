/* SPDX-License-Identifier: MIT */
/*
 * Domctl: a domain's limit of memory, its hypercall page, the types of its frames.
 */
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall_page.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

#define PAGE_KIB       4
#define PAGE_TYPES_MAX 1024

int domctl_max_memory(struct domain *domain, struct xen_domctl *operation)
{
    WRITE_ONCE(domain->frame_max, operation->u.max_mem.max_memkb / PAGE_KIB);
    return 0;
}

int domctl_hypercall_page(struct domain *domain, struct xen_domctl *operation)
{
    mfn_t number = mfn(operation->u.hypercall_init.gmfn);

    if (!mfn_is_ram(number) || frame_get_typed(mfn_to_frame(number), domain, FRAME_TYPE_WRITABLE))
        return -XEN_EACCES;
    hypercall_page_fill(mfn_to_virtual(number));
    frame_put_typed(mfn_to_frame(number));
    return 0;
}

static xen_pfn_t page_type(struct domain *domain, xen_pfn_t number)
{
    static const xen_pfn_t types[FRAME_TYPE_COUNT] = {
        [FRAME_TYPE_L1] = XEN_DOMCTL_PFINFO_L1TAB,
        [FRAME_TYPE_L2] = XEN_DOMCTL_PFINFO_L2TAB,
        [FRAME_TYPE_L3] = XEN_DOMCTL_PFINFO_L3TAB,
        [FRAME_TYPE_L4] = XEN_DOMCTL_PFINFO_L4TAB,
    };
    struct frame *frame = frame_get_by_mfn(mfn(number), domain);

    if (!frame)
        return XEN_DOMCTL_PFINFO_XTAB;
    xen_pfn_t type = types[frame_type_of(frame)];
    if (frame_is_pinned(frame))
        type |= XEN_DOMCTL_PFINFO_LPINTAB;
    frame_put(frame);
    return type;
}

int domctl_page_types(struct domain *domain, struct xen_domctl *operation)
{
    guest_ptr_t array = guest_ptr_of_handle(operation->u.getpageframeinfo3.array);
    uint64_t count = operation->u.getpageframeinfo3.num;

    if (count > PAGE_TYPES_MAX)
        return -XEN_E2BIG;
    for (uint64_t i = 0; i < count; i++) {
        guest_ptr_t element = guest_ptr_at(array, i, sizeof(xen_pfn_t));
        xen_pfn_t number;
        if (copy_from_guest(&number, element, sizeof(number)))
            return -XEN_EFAULT;
        number = page_type(domain, number);
        if (copy_to_guest(element, &number, sizeof(number)))
            return -XEN_EFAULT;
        preempt_point();
    }
    return 0;
}
