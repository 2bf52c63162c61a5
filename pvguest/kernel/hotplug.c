/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/hotplug.h"

#include "lib/format.h"
#include "lib/string.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/smp.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/thread.h"

#include <xen/errno.h>

static struct wait_queue changed = WAIT_QUEUE_INIT(changed);
static bool news;

static void note_change(const char *path, void *argument)
{
    (void)path;
    (void)argument;
    news = true;
    wait_queue_wake(&changed);
}

/* What is neither online nor offline is no wish; it may be in the making. */
static void follow(unsigned int vcpu)
{
    char path[STORE_PATH_SIZE], wish[STORE_VALUE_SIZE];
    int error = 0;

    format_text(path, sizeof(path), "cpu/%u/availability", vcpu);
    if (store_read(path, wish, sizeof(wish)))
        return;
    if (strcmp(wish, "online") == 0)
        error = smp_up(vcpu);
    else if (strcmp(wish, "offline") == 0)
        error = smp_down(vcpu);
    if (error)
        print("vcpu %u does not come up: %d\n", vcpu, error);
}

/* A thread of its own: one that goes down is waited for, and other watches are not to wait. */
static void follow_all(void *unused)
{
    unsigned int count = smp_vcpu_count();

    (void)unused;
    for (;;) {
        WAIT_UNTIL(&changed, news);
        news = false;
        for (unsigned int vcpu = 1; vcpu < count; vcpu++)
            follow(vcpu);
    }
}

int hotplug_start(void)
{
    static struct store_watch watch;

    if (!thread_create("hotplug", follow_all, NULL))
        return -XEN_ENOMEM;
    return store_watch(&watch, "cpu", note_change, NULL);
}
