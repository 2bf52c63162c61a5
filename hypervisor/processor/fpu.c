/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/fpu.h"

#include "hypervisor/dispatcher/exception_table.h"
#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"
#include "lib/string.h"

#define LEGACY_SIZE       512
#define MXCSR_OFFSET      24
#define MXCSR_MASK_OFFSET 28
#define MXCSR_RESET       0x1f80
#define FCW_RESET         0x37f
#define XCR0_X87          1
#define XCR0_SSE          2
#define XCR0_AVX          4
#define XCR0_AVX512       0xe0

struct fpu_state {
    uint8_t legacy[LEGACY_SIZE];
    uint64_t xstate_bv, xcomp_bv;
    uint8_t header_reserved[48];
} __attribute__((aligned(64)));

static unsigned area_order(void)
{
    return cpu_features.xsave_size > PAGE_SIZE ? 1 : 0;
}

static void state_reset(struct fpu_state *state)
{
    const uint16_t control = FCW_RESET;
    const uint32_t mxcsr = MXCSR_RESET;

    memset(state, 0, sizeof(*state));
    memcpy(state->legacy, &control, sizeof(control));
    memcpy(state->legacy + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

int fpu_create(struct vcpu *vcpu)
{
    vcpu->fpu = frame_allocate_hypervisor(area_order());
    if (!vcpu->fpu)
        return -XEN_ENOMEM;
    state_reset(vcpu->fpu);
    vcpu->guest.xcr0 = XCR0_X87;
    return 0;
}

void fpu_destroy(struct vcpu *vcpu)
{
    if (vcpu->fpu)
        frame_free_hypervisor(vcpu->fpu, area_order());
    vcpu->fpu = NULL;
}

static void task_switched_clear(void)
{
    asm volatile("clts");
}

static void task_switched_set(void)
{
    cr0_write(cr0_read() | CR0_TS);
}

void fpu_save(struct vcpu *vcpu)
{
    struct fpu_state *state = vcpu->fpu;

    if (vcpu->guest.cr0_ts)
        task_switched_clear();
    if (!cpu_features.xsave) {
        asm volatile("fxsaveq %0" : "=m"(*state));
        return;
    }
    if (vcpu->guest.xcr0 != cpu_features.xcr0_mask)
        xcr0_write(cpu_features.xcr0_mask);
    asm volatile("xsave64 %0" : "+m"(*state) : "a"(~0u), "d"(~0u) : "memory");
}

/* The registers are restored with every component on; then the guest's own XCR0 takes effect. */
void fpu_load(struct vcpu *vcpu)
{
    const struct fpu_state *state = vcpu->fpu;

    if (!cpu_features.xsave)
        asm volatile("fxrstorq %0" : : "m"(*state));
    else {
        asm volatile("xrstor64 %0" : : "m"(*state), "a"(~0u), "d"(~0u) : "memory");
        if (vcpu->guest.xcr0 != cpu_features.xcr0_mask)
            xcr0_write(vcpu->guest.xcr0);
    }
    if (vcpu->guest.cr0_ts)
        task_switched_set();
}

bool fpu_guest_trap(struct vcpu *vcpu)
{
    bool wanted = vcpu->guest.cr0_ts;

    vcpu->guest.cr0_ts = 0;
    task_switched_clear();
    return wanted;
}

void fpu_set_task_switched(struct vcpu *vcpu, bool set)
{
    vcpu->guest.cr0_ts = set ? CR0_TS : 0;
    if (set)
        task_switched_set();
    else
        task_switched_clear();
}

SPARES_REGISTERS long do_fpu_taskswitch(unsigned long set)
{
    fpu_set_task_switched(current_vcpu(), set != 0);
    return 0;
}

void fpu_set_legacy(struct vcpu *vcpu, const void *legacy)
{
    struct fpu_state *state = vcpu->fpu;
    uint32_t mxcsr;

    state_reset(state);
    memcpy(state->legacy, legacy, LEGACY_SIZE);
    memcpy(&mxcsr, state->legacy + MXCSR_OFFSET, sizeof(mxcsr));
    mxcsr &= 0xffff; /* the rest is reserved in every processor: restoring it would fault */
    memcpy(state->legacy + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    state->xstate_bv = XCR0_X87 | XCR0_SSE;
}

void fpu_get_legacy(const struct vcpu *vcpu, void *legacy)
{
    memcpy(legacy, vcpu->fpu->legacy, LEGACY_SIZE);
}

/* Intel SDM volume 1, 13.3: x87 always, AVX needs SSE, the AVX-512 bits come together with AVX. */
bool fpu_set_xcr0(struct vcpu *vcpu, uint64_t value)
{
    if (!cpu_features.xsave || !(value & XCR0_X87) || (value & ~cpu_features.xcr0_mask))
        return false;
    if ((value & XCR0_AVX) && !(value & XCR0_SSE))
        return false;
    if ((value & XCR0_AVX512) && ((value & XCR0_AVX512) != XCR0_AVX512 || !(value & XCR0_AVX)))
        return false;
    vcpu->guest.xcr0 = value;
    xcr0_write(value);
    return true;
}
