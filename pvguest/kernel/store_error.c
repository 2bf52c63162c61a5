/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/store_error.h"

#include "lib/string.h"
#include <stddef.h>
#include <xen/errno.h>

/* The protocol's header has the table of names if these are macros. */
#define EINVAL    XEN_EINVAL
#define EACCES    XEN_EACCES
#define EEXIST    XEN_EEXIST
#define EISDIR    XEN_EISDIR
#define ENOENT    XEN_ENOENT
#define ENOMEM    XEN_ENOMEM
#define ENOSPC    XEN_ENOSPC
#define EIO       XEN_EIO
#define ENOTEMPTY XEN_ENOTEMPTY
#define ENOSYS    XEN_ENOSYS
#define EROFS     XEN_EROFS
#define EBUSY     XEN_EBUSY
#define EAGAIN    XEN_EAGAIN
#define EISCONN   XEN_EISCONN
#define E2BIG     XEN_E2BIG
#define EPERM     XEN_EPERM
#include <stdint.h>
#include <xen/io/xs_wire.h>

#define ERROR_COUNT (sizeof(xsd_errors) / sizeof(xsd_errors[0]))

const char *store_error_name(int error)
{
    for (size_t i = 0; i < ERROR_COUNT; i++)
        if (xsd_errors[i].errnum == -error)
            return xsd_errors[i].errstring;
    return "EINVAL";
}

int store_error_number(const char *name)
{
    for (size_t i = 0; i < ERROR_COUNT; i++)
        if (strcmp(xsd_errors[i].errstring, name) == 0)
            return -xsd_errors[i].errnum;
    return -XEN_EIO;
}
