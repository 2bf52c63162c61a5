/* SPDX-License-Identifier: MIT */
/*
 * The xen_version hypercall. Every answer is a buffer of fixed size, zero behind its text, so that
 * nothing of ours is ever copied out with it (XSA-122).
 */
#include "hypervisor/dispatcher/hypercall.h"

#include <xen/version.h>

#include "boot/boot_info.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/version.h"
#include "hypervisor/memory/guest_copy.h"
#include "lib/string.h"
#include "lib/text.h"

#define DENIED "<denied>"

static long text_out(guest_ptr_t pointer, const char *text, size_t size)
{
    char buffer[64] = {0};

    text_copy(buffer, text, size < sizeof(buffer) ? size : sizeof(buffer));
    if (copy_to_guest(pointer, buffer, size < sizeof(buffer) ? size : sizeof(buffer)))
        return -XEN_EFAULT;
    if (size <= sizeof(buffer))
        return 0;
    return clear_guest(guest_ptr(pointer.address + sizeof(buffer)), size - sizeof(buffer));
}

static long version(guest_ptr_t pointer)
{
    (void)pointer;
    return BONSAI_ABI_MAJOR << 16 | BONSAI_ABI_MINOR;
}

static long extraversion(guest_ptr_t pointer)
{
    return text_out(pointer, ".0-bonsai", sizeof(xen_extraversion_t));
}

static long compile_info(guest_ptr_t pointer)
{
    struct xen_compile_info info = {0};

    text_copy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
    text_copy(info.compile_by, "bonsai", sizeof(info.compile_by));
    return copy_to_guest(pointer, &info, sizeof(info));
}

static long capabilities(guest_ptr_t pointer)
{
    return text_out(pointer, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
}

static long changeset(guest_ptr_t pointer)
{
    return text_out(pointer, "unavailable", sizeof(xen_changeset_info_t));
}

static long platform_parameters(guest_ptr_t pointer)
{
    struct xen_platform_parameters parameters = {.virt_start = HYPERVISOR_VIRT_START};

    return copy_to_guest(pointer, &parameters, sizeof(parameters));
}

static long get_features(guest_ptr_t pointer)
{
    struct xen_feature_info info;

    if (copy_from_guest(&info, pointer, sizeof(info)))
        return -XEN_EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -XEN_EINVAL;
    info.submap = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
                  1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_direct_mapped;
    if (current_domain()->vm_assist & 1UL << VMASST_TYPE_pae_extended_cr3)
        info.submap |= 1u << XENFEAT_pae_pgdir_above_4gb;
    if (current_domain() == domain_first)
        info.submap |= 1u << XENFEAT_dom0;
    return copy_to_guest(pointer, &info, sizeof(info));
}

static long page_size(guest_ptr_t pointer)
{
    return pointer.address ? -XEN_EINVAL : PAGE_SIZE;
}

static long guest_handle(guest_ptr_t pointer)
{
    return copy_to_guest(pointer, current_domain()->handle, sizeof(xen_domain_handle_t));
}

static long command_line(guest_ptr_t pointer)
{
    _Static_assert(sizeof(boot_info.command_line) == sizeof(xen_commandline_t), "");
    if (!current_domain()->privileged)
        return copy_to_guest(pointer, DENIED, sizeof(DENIED));
    return copy_to_guest(pointer, boot_info.command_line, sizeof(xen_commandline_t));
}

static long build_id(guest_ptr_t pointer)
{
    (void)pointer;
    return current_domain()->privileged ? -XEN_ENODATA : -XEN_EPERM;
}

static long (*const operations[])(guest_ptr_t pointer) = {
    [XENVER_version] = version,           [XENVER_extraversion] = extraversion,
    [XENVER_compile_info] = compile_info, [XENVER_capabilities] = capabilities,
    [XENVER_changeset] = changeset,       [XENVER_platform_parameters] = platform_parameters,
    [XENVER_get_features] = get_features, [XENVER_pagesize] = page_size,
    [XENVER_guest_handle] = guest_handle, [XENVER_commandline] = command_line,
    [XENVER_build_id] = build_id,
};

static __attribute__((noinline)) long operate(uint32_t command, unsigned long address)
{
    if (command >= sizeof(operations) / sizeof(operations[0]))
        return -XEN_ENOSYS;
    return operations[command](guest_ptr(address));
}

SPARES_REGISTERS long do_xen_version(uint32_t command, unsigned long address)
{
    if (command == XENVER_version) /* a guest's way to get its events: Linux calls it for that */
        return BONSAI_ABI_MAJOR << 16 | BONSAI_ABI_MINOR;
    return operate(command, address);
}
