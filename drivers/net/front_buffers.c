/* SPDX-License-Identifier: MIT */
#include "drivers/net/front_buffers.h"

#include <xen/errno.h>

#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"

int front_buffer_open(struct front_buffer *buffer, domid_t domain, bool readonly)
{
    int error;

    buffer->page = page_allocate(0);
    if (buffer->page == NULL)
        return -XEN_ENOMEM;
    error = grant_access(domain, page_mfn(buffer->page), readonly, &buffer->ref);
    if (error != 0) {
        page_free(buffer->page, 0);
        buffer->page = NULL;
    }
    return error;
}

bool front_buffer_close(struct front_buffer *buffer)
{
    bool free = true;

    if (buffer->page != NULL) {
        free = grant_end_access(buffer->ref) == 0;
        if (free)
            page_free(buffer->page, 0);
    }
    buffer->page = NULL;
    return free;
}

int front_buffers_open(struct front_buffer *buffers, unsigned int count, domid_t domain,
                       bool readonly)
{
    int error = 0;

    for (unsigned int i = 0; i < count && error == 0; i++)
        error = front_buffer_open(&buffers[i], domain, readonly);
    return error;
}

void front_buffers_close(struct front_buffer *buffers, unsigned int count)
{
    unsigned int kept = 0;

    for (unsigned int i = 0; i < count; i++)
        kept += !front_buffer_close(&buffers[i]);
    if (kept > 0)
        print("network: the back end keeps %u pages, which are given up\n", kept);
}
