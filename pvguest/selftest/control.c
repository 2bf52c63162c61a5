/* SPDX-License-Identifier: MIT */
/* domctl, sysctl, platform_op: answers for the control domain, refusals for everybody else. */
#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/selftest/check.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>

static struct xen_domctl domctl_make(uint32_t command, domid_t domain)
{
    struct xen_domctl domctl;

    memset(&domctl, 0, sizeof(domctl));
    domctl.cmd = command;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.domain = domain;
    return domctl;
}

static struct xen_sysctl sysctl_make(uint32_t command)
{
    struct xen_sysctl sysctl;

    memset(&sysctl, 0, sizeof(sysctl));
    sysctl.cmd = command;
    sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return sysctl;
}

/* Those before the first that this domain does not have. */
static unsigned int vcpus_up(void)
{
    unsigned int count = 0;
    int up;

    for (unsigned int vcpu = 0; (up = hypercall_vcpu_op(VCPUOP_is_up, vcpu, NULL)) >= 0; vcpu++)
        count += (unsigned int)up;
    return count;
}

static void domain_information(void)
{
    struct xen_domctl domctl = domctl_make(XEN_DOMCTL_getdomaininfo, 0);

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(0, hypercall_domctl(&domctl));
    EXPECT_VALUE(0, domctl.u.getdomaininfo.domain);
    EXPECT(domctl.u.getdomaininfo.flags & XEN_DOMINF_running);
    EXPECT(domctl.u.getdomaininfo.tot_pages >= start_info->nr_pages);
    EXPECT_VALUE(vcpus_up(), domctl.u.getdomaininfo.nr_online_vcpus);
}

static void domctl_refusals(void)
{
    struct xen_domctl domctl = domctl_make(XEN_DOMCTL_pausedomain, UNUSED_DOMAIN);

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(-XEN_ESRCH, hypercall_domctl(&domctl));
    domctl = domctl_make(XEN_DOMCTL_destroydomain, UNUSED_DOMAIN);
    EXPECT_VALUE(-XEN_ESRCH, hypercall_domctl(&domctl));
    domctl = domctl_make(XEN_DOMCTL_destroydomain, 0);
    EXPECT(is_refusal(hypercall_domctl(&domctl)));
    domctl = domctl_make(0xfff0, 0);
    EXPECT(is_refusal(hypercall_domctl(&domctl)));
    domctl = domctl_make(XEN_DOMCTL_getdomaininfo, 0);
    domctl.interface_version++;
    EXPECT_VALUE(-XEN_EACCES, hypercall_domctl(&domctl));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_domctl((void *)UNMAPPED_ADDRESS));
}

/* A new domain of one vcpu that is not there yet. */
static int domain_create(domid_t *domain)
{
    struct xen_domctl domctl = domctl_make(XEN_DOMCTL_createdomain, 0);
    int error;

    domctl.u.createdomain.max_vcpus = 1;
    domctl.u.createdomain.max_evtchn_port = -1;
    domctl.u.createdomain.max_grant_frames = 4;
    domctl.u.createdomain.max_maptrack_frames = 4;
    domctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    error = hypercall_domctl(&domctl);
    *domain = domctl.domain;
    return error;
}

static int domain_destroy(domid_t domain)
{
    struct xen_domctl domctl;
    int error;

    do {
        domctl = domctl_make(XEN_DOMCTL_destroydomain, domain);
        error = hypercall_domctl(&domctl);
    } while (error == -XEN_EAGAIN);
    return error;
}

/* Shut down before it had a vcpu, resumed after it got one: each pause is taken back once. */
static void shut_down_early(void)
{
    struct sched_remote_shutdown request = {.reason = SHUTDOWN_suspend};
    struct xen_domctl domctl;
    domid_t domain;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(0, domain_create(&domain));
    request.domain_id = domain;
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_remote_shutdown, &request));
    domctl = domctl_make(XEN_DOMCTL_max_vcpus, domain);
    domctl.u.max_vcpus.max = 1;
    EXPECT_VALUE(0, hypercall_domctl(&domctl));
    domctl = domctl_make(XEN_DOMCTL_resumedomain, domain);
    EXPECT_VALUE(0, hypercall_domctl(&domctl));
    domctl = domctl_make(XEN_DOMCTL_unpausedomain, domain);
    EXPECT_VALUE(0, hypercall_domctl(&domctl));
    EXPECT_VALUE(0, domain_destroy(domain));
}

/* A domain made, filled with nothing, and destroyed; its number is unused afterwards. */
static void create_and_destroy(void)
{
    struct xen_domctl domctl;
    domid_t domain;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(0, domain_create(&domain));
    EXPECT(domain != 0);
    domctl = domctl_make(XEN_DOMCTL_getdomaininfo, domain);
    EXPECT_VALUE(0, hypercall_domctl(&domctl));
    EXPECT_VALUE(domain, domctl.u.getdomaininfo.domain);
    EXPECT(domctl.u.getdomaininfo.flags & XEN_DOMINF_paused);
    EXPECT_VALUE(0, domain_destroy(domain));
}

static void physical_information(void)
{
    struct xen_sysctl sysctl = sysctl_make(XEN_SYSCTL_physinfo);

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(0, hypercall_sysctl(&sysctl));
    EXPECT(sysctl.u.physinfo.nr_cpus >= 1);
    EXPECT(sysctl.u.physinfo.total_pages >= start_info->nr_pages);
    EXPECT(sysctl.u.physinfo.free_pages < sysctl.u.physinfo.total_pages);
    EXPECT(sysctl.u.physinfo.cpu_khz > 0);
}

static void hypervisor_messages(void)
{
    struct xen_sysctl sysctl = sysctl_make(XEN_SYSCTL_readconsole);
    static char text[128];

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    set_xen_guest_handle(sysctl.u.readconsole.buffer, text);
    sysctl.u.readconsole.count = sizeof(text);
    EXPECT_VALUE(0, hypercall_sysctl(&sysctl));
    EXPECT(sysctl.u.readconsole.count > 0 && sysctl.u.readconsole.count <= sizeof(text));
}

static void domain_list(void)
{
    struct xen_sysctl sysctl = sysctl_make(XEN_SYSCTL_getdomaininfolist);
    static xen_domctl_getdomaininfo_t domains[4];

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    sysctl.u.getdomaininfolist.max_domains = 4;
    set_xen_guest_handle(sysctl.u.getdomaininfolist.buffer, domains);
    EXPECT_VALUE(0, hypercall_sysctl(&sysctl));
    EXPECT(sysctl.u.getdomaininfolist.num_domains >= 1);
    EXPECT_VALUE(0, domains[0].domain);
}

static void sysctl_refusals(void)
{
    struct xen_sysctl sysctl = sysctl_make(XEN_SYSCTL_physinfo);

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    sysctl.interface_version++;
    EXPECT_VALUE(-XEN_EACCES, hypercall_sysctl(&sysctl));
    sysctl = sysctl_make(0xfff0);
    EXPECT(is_refusal(hypercall_sysctl(&sysctl)));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_sysctl((void *)UNMAPPED_ADDRESS));
}

static void unprivileged(void)
{
    struct xen_domctl domctl = domctl_make(XEN_DOMCTL_getdomaininfo, 0);
    struct xen_sysctl sysctl = sysctl_make(XEN_SYSCTL_physinfo);
    struct xen_platform_op platform;

    SKIP_UNLESS(!guest_is_initial_domain(), "this is the control domain");
    memset(&platform, 0, sizeof(platform));
    platform.interface_version = XENPF_INTERFACE_VERSION;
    platform.cmd = XENPF_get_cpu_version;
    EXPECT_VALUE(-XEN_EPERM, hypercall_domctl(&domctl));
    domctl = domctl_make(XEN_DOMCTL_destroydomain, 0);
    EXPECT_VALUE(-XEN_EPERM, hypercall_domctl(&domctl));
    EXPECT_VALUE(-XEN_EPERM, hypercall_sysctl(&sysctl));
    EXPECT_EITHER(-XEN_EPERM, -XEN_ENOSYS, hypercall_platform_op(&platform));
}

static void platform_refusals(void)
{
    struct xen_platform_op platform;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    memset(&platform, 0, sizeof(platform));
    platform.cmd = 0xfff0;
    EXPECT_VALUE(-XEN_EACCES, hypercall_platform_op(&platform));
    platform.interface_version = XENPF_INTERFACE_VERSION;
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_platform_op(&platform));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_platform_op((void *)UNMAPPED_ADDRESS));
}

const struct check control_checks[] = {
    {"domctl: getdomaininfo", domain_information},
    {"domctl: createdomain and destroydomain", create_and_destroy},
    {"domctl: shut down before it has vcpus", shut_down_early},
    {"domctl: refusals", domctl_refusals},
    {"sysctl: physinfo", physical_information},
    {"sysctl: readconsole", hypervisor_messages},
    {"sysctl: getdomaininfolist", domain_list},
    {"sysctl: refusals", sysctl_refusals},
    {"control calls: refused when unprivileged", unprivileged},
    {"platform_op: refusals", platform_refusals},
    {NULL, NULL},
};
