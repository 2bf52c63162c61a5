/* SPDX-License-Identifier: MIT */
/* Mappings of what is not this domain's: other domains, devices. */
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define TEXT_SCREEN 0xb8000UL
#define LOCAL_APIC  0xfee00000UL

static void own_frames(void)
{
    uint64_t *page = page_allocate(0);
    uint64_t mfns[2] = {page_mfn(page), page_mfn(page)};
    uint64_t *mapped;

    EXPECT_VALUE(0, foreign_map(DOMID_SELF, mfns, 2, true, (void **)&mapped));
    mapped[5] = 12;
    EXPECT_VALUE(12, *(volatile uint64_t *)&page[5]);
    EXPECT_VALUE(12, *(volatile uint64_t *)&mapped[512 + 5]);
    EXPECT_VALUE(0, foreign_unmap(mapped, 2));
    page_free(page, 0);
}

static void missing_domain(void)
{
    uint64_t mfn = page_mfn(start_info);
    void *mapped;

    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, foreign_map(UNUSED_DOMAIN, &mfn, 1, false, &mapped));
}

static void unprivileged(void)
{
    uint64_t mfn = 0;
    void *mapped;

    SKIP_UNLESS(!guest_is_initial_domain(), "this domain may map others");
    EXPECT_VALUE(-XEN_EPERM, foreign_map(0, &mfn, 1, false, &mapped));
    EXPECT_VALUE(-XEN_EPERM, foreign_map(DOMID_XEN, &mfn, 1, false, &mapped));
}

static void device_memory(void)
{
    uint64_t value;
    void *screen;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the right to devices");
    EXPECT_VALUE(0, io_map(TEXT_SCREEN + 16, 8192, &screen));
    EXPECT_VALUE(16, (uint64_t)screen & 0xfff);
    EXPECT_VALUE(0, fault_try_read(screen, &value));
    EXPECT_VALUE(0, io_unmap(screen, 8192));
}

static void device_refusals(void)
{
    void *mapped;

    EXPECT(is_refusal(io_map(LOCAL_APIC, 4096, &mapped))); /* the hypervisor's own */
    if (!guest_is_initial_domain())
        EXPECT(is_refusal(io_map(TEXT_SCREEN, 4096, &mapped)));
}

const struct check foreign_checks[] = {
    {"foreign map: own frames", own_frames},     {"foreign map: missing domain", missing_domain},
    {"foreign map: unprivileged", unprivileged}, {"device map: text screen", device_memory},
    {"device map: refusals", device_refusals},   {NULL, NULL},
};
