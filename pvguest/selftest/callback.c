/* SPDX-License-Identifier: MIT */
/* set_callbacks, callback_op, nmi_op, vm_assist, console_io. */
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/selftest/check.h"

#include <xen/callback.h>
#include <xen/errno.h>
#include <xen/nmi.h>

extern char callback_event[], callback_failsafe[], callback_syscall[];

static void callbacks_set(void)
{
    EXPECT_VALUE(0, hypercall_set_callbacks((unsigned long)callback_event,
                                            (unsigned long)callback_failsafe,
                                            (unsigned long)callback_syscall));
}

static int callback_set(uint16_t type, const char *address)
{
    struct callback_register callback = {
        .type = type, .flags = CALLBACKF_mask_events, .address = (unsigned long)address};

    return hypercall_callback_op(CALLBACKOP_register, &callback);
}

static void callbacks_registered(void)
{
    EXPECT_VALUE(0, callback_set(CALLBACKTYPE_event, callback_event));
    EXPECT_VALUE(0, callback_set(CALLBACKTYPE_failsafe, callback_failsafe));
    EXPECT_VALUE(0, callback_set(CALLBACKTYPE_syscall, callback_syscall));
}

static void callback_refusals(void)
{
    struct callback_unregister none = {.type = CALLBACKTYPE_event};

    EXPECT_VALUE(-XEN_ENOSYS, callback_set(0x33, callback_event));
    EXPECT_VALUE(-XEN_EINVAL, callback_set(CALLBACKTYPE_event, (char *)NONCANONICAL_ADDRESS));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_callback_op(CALLBACKOP_unregister, &none));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_callback_op(UNUSED_COMMAND, &none));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_callback_op(CALLBACKOP_register, (void *)HYPERVISOR_ADDRESS));
}

static void nmi_callback(void)
{
    struct xennmi_callback callback = {.handler_address = (unsigned long)callback_failsafe};

    EXPECT_VALUE(0, hypercall_nmi_op(XENNMI_register_callback, &callback));
    EXPECT_VALUE(0, hypercall_nmi_op(XENNMI_unregister_callback, NULL));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_nmi_op(UNUSED_COMMAND, NULL));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_nmi_op(XENNMI_register_callback, (void *)UNMAPPED_ADDRESS));
}

static void assists(void)
{
    EXPECT_VALUE(0, hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables));
    EXPECT_VALUE(0, hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vm_assist(VMASST_CMD_enable, 63));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vm_assist(VMASST_CMD_enable, 1000));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_vm_assist(UNUSED_COMMAND, VMASST_TYPE_writable_pagetables));
}

static void console_refusals(void)
{
    EXPECT(is_refusal(hypercall_console_io(CONSOLEIO_write, 16, (void *)HYPERVISOR_ADDRESS)));
    EXPECT(is_refusal(hypercall_console_io(CONSOLEIO_write, 16, (void *)UNMAPPED_ADDRESS)));
    EXPECT(is_refusal(hypercall_console_io(UNUSED_COMMAND, 0, NULL)));
}

static void console_read_nothing(void)
{
    char buffer[8];

    SKIP_UNLESS(guest_is_initial_domain(), "the console is the first domain's");
    EXPECT_VALUE(0, hypercall_console_io(CONSOLEIO_read, sizeof(buffer), buffer));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_console_io(CONSOLEIO_write, 16, (void *)UNMAPPED_ADDRESS));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_console_io(UNUSED_COMMAND, 0, NULL));
}

const struct check callback_checks[] = {
    {"set_callbacks: accepted", callbacks_set},
    {"callback_op: register", callbacks_registered},
    {"callback_op: refusals", callback_refusals},
    {"nmi_op: register and unregister", nmi_callback},
    {"vm_assist: enable, disable, refusals", assists},
    {"console_io: refusals", console_refusals},
    {"console_io: read without input", console_read_nothing},
    {NULL, NULL},
};
