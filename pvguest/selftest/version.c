/* SPDX-License-Identifier: MIT */
/* xen_version: every sub-operation, refusals, and that fixed buffers are filled to their end. */
#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/version.h>

#define FILL 0xa5

/* Terminated, and nothing but zeroes behind the text: no stale memory leaks. */
static bool filled_cleanly(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    if (length == size)
        return false;
    for (size_t i = length; i < size; i++)
        if (text[i])
            return false;
    return true;
}

static void version_number(void)
{
    EXPECT(hypercall_xen_version(XENVER_version, NULL) >= 4 << 16);
}

static void extraversion(void)
{
    xen_extraversion_t text;

    memset(text, FILL, sizeof(text));
    EXPECT_VALUE(0, hypercall_xen_version(XENVER_extraversion, text));
    EXPECT(filled_cleanly(text, sizeof(text)));
}

static void compile_info(void)
{
    struct xen_compile_info info;

    memset(&info, FILL, sizeof(info));
    EXPECT_VALUE(0, hypercall_xen_version(XENVER_compile_info, &info));
    EXPECT(filled_cleanly(info.compiler, sizeof(info.compiler)));
    EXPECT(filled_cleanly(info.compile_by, sizeof(info.compile_by)));
    EXPECT(filled_cleanly(info.compile_domain, sizeof(info.compile_domain)));
    EXPECT(filled_cleanly(info.compile_date, sizeof(info.compile_date)));
}

static void capabilities(void)
{
    xen_capabilities_info_t text;

    memset(text, FILL, sizeof(text));
    EXPECT_VALUE(0, hypercall_xen_version(XENVER_capabilities, text));
    EXPECT(filled_cleanly(text, sizeof(text)));
    EXPECT(strstr(text, "xen-3.0-x86_64"));
}

static void changeset(void)
{
    xen_changeset_info_t text;

    memset(text, FILL, sizeof(text));
    EXPECT_VALUE(0, hypercall_xen_version(XENVER_changeset, text));
    EXPECT(filled_cleanly(text, sizeof(text)));
}

static void platform_parameters(void)
{
    struct xen_platform_parameters parameters = {0};

    EXPECT_VALUE(0, hypercall_xen_version(XENVER_platform_parameters, &parameters));
    EXPECT_VALUE(HYPERVISOR_VIRT_START, parameters.virt_start);
}

static void features(void)
{
    struct xen_feature_info info = {.submap_idx = 0};

    EXPECT_VALUE(0, hypercall_xen_version(XENVER_get_features, &info));
    EXPECT(info.submap >> XENFEAT_mmu_pt_update_preserve_ad & 1);
    EXPECT(!(info.submap >> XENFEAT_auto_translated_physmap & 1));
    info.submap_idx = XENFEAT_NR_SUBMAPS;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_xen_version(XENVER_get_features, &info));
}

static void page_size(void)
{
    EXPECT_VALUE(4096, hypercall_xen_version(XENVER_pagesize, NULL));
}

static void domain_handle(void)
{
    xen_domain_handle_t handle;

    EXPECT_VALUE(0, hypercall_xen_version(XENVER_guest_handle, handle));
}

static void command_line(void)
{
    static xen_commandline_t text;

    memset(text, FILL, sizeof(text));
    EXPECT_VALUE(0, hypercall_xen_version(XENVER_commandline, text));
    EXPECT(strnlen(text, sizeof(text)) < sizeof(text));
}

static void build_id(void)
{
    static uint32_t words[1 + 64 / sizeof(uint32_t)];
    xen_build_id_t *id = (xen_build_id_t *)words;
    long length = hypercall_xen_version(XENVER_build_id, NULL);

    /* There may be none, and an unprivileged domain need not be told. */
    if (length == -XEN_ENODATA || length == -XEN_EPERM)
        return;
    EXPECT(length > 0 && length <= (long)(sizeof(words) - sizeof(words[0])));
    id->len = (uint32_t)length;
    EXPECT_VALUE(length, hypercall_xen_version(XENVER_build_id, id));
}

static void unknown_command(void)
{
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_xen_version(UNUSED_COMMAND, NULL));
}

static void bad_pointers(void)
{
    static const unsigned long bad[] = {0x1000, UNMAPPED_ADDRESS, NONCANONICAL_ADDRESS,
                                        HYPERVISOR_ADDRESS};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EXPECT_VALUE(-XEN_EFAULT, hypercall_xen_version(XENVER_extraversion, (void *)bad[i]));
        EXPECT_VALUE(-XEN_EFAULT, hypercall_xen_version(XENVER_get_features, (void *)bad[i]));
    }
}

static void unknown_hypercall(void)
{
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_raw(__HYPERVISOR_arch_7, 0, 0, 0, 0, 0));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_raw(11, 0, 0, 0, 0, 0));
}

const struct check version_checks[] = {
    {"xen_version: version", version_number},
    {"xen_version: extraversion", extraversion},
    {"xen_version: compile_info", compile_info},
    {"xen_version: capabilities", capabilities},
    {"xen_version: changeset", changeset},
    {"xen_version: platform_parameters", platform_parameters},
    {"xen_version: get_features", features},
    {"xen_version: pagesize", page_size},
    {"xen_version: guest_handle", domain_handle},
    {"xen_version: commandline", command_line},
    {"xen_version: build_id", build_id},
    {"xen_version: unknown command", unknown_command},
    {"xen_version: bad pointers", bad_pointers},
    {"hypercall: unknown number", unknown_hypercall},
    {NULL, NULL},
};
