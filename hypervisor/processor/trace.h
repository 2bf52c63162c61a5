/* SPDX-License-Identifier: MIT */
/*
 * What happened, for those who look: records of Xen's form in a ring for each processor, mapped by
 * the privileged domain that reads them (XEN_SYSCTL_tbuf_op; docs/tracing.md). While nobody traces,
 * a trace point costs one branch. The rings are made once and stay (control_lock); each is written
 * by its own processor only. Trace points may stand anywhere but in trap_paranoid().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/sysctl.h>
#include <xen/trace.h>
#include <xen/xen.h>

struct vcpu;

/* Xen has no number for it: {domain, port, vcpu} that an event is set pending for. */
#define TRACE_EVENT_PENDING (TRC_GEN + 16)

extern bool trace_running;

static inline bool trace_on(void)
{
    bool on;
    /* A comparison with memory, which a volatile access would take two instructions for. */
    asm volatile("cmpb $0, %[running]" : "=@ccne"(on) : [running] "m"(trace_running));
    return __builtin_expect(on, false);
}

/* For use behind trace_on(); at most TRACE_EXTRA_MAX words. */
void trace_write(uint32_t event, const uint32_t *words, unsigned count);
void trace_write_vcpu(uint32_t event, const struct vcpu *vcpu);
void trace_write_switch(const struct vcpu *previous, const struct vcpu *next);
/* A guest's exception; `address` is that of a page fault. */
void trace_write_trap(const struct cpu_user_regs *regs, uint64_t address);

/* An event with its words. */
#define trace(event, ...)                                                                \
    do {                                                                                 \
        if (trace_on()) {                                                                \
            const uint32_t trace_words_[] = {__VA_ARGS__};                               \
            trace_write((event), trace_words_, sizeof(trace_words_) / sizeof(uint32_t)); \
        }                                                                                \
    } while (0)

/* An event about a vcpu: {domain, vcpu}. */
static inline void trace_vcpu(uint32_t event, const struct vcpu *vcpu)
{
    if (trace_on())
        trace_write_vcpu(event, vcpu);
}

/*
 * XEN_SYSCTL_tbuf_op. set_size, pages for each processor: -XEN_EINVAL (too many, or another size
 * than before), -XEN_ENOMEM. enable: -XEN_EINVAL before set_size. set_cpu_mask: -XEN_EFAULT.
 */
int trace_operation(struct xen_sysctl *operation);
