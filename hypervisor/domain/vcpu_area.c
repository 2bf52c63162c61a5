/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/vcpu_area.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/string.h"

int vcpu_area_register_info(struct vcpu *vcpu, uint64_t number, uint32_t offset)
{
    mfn_t info_mfn = mfn(number);

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info))
        return -XEN_ENXIO;
    if (offset % sizeof(xen_ulong_t))
        return -XEN_EINVAL;
    if (!mfn_equal(vcpu->info_frame, MFN_INVALID))
        return -XEN_EINVAL;
    if (vcpu != current_vcpu() && !(READ_ONCE(vcpu->wait) & VCPU_WAIT_DOWN))
        return -XEN_EINVAL;
    if (!mfn_is_ram(info_mfn) ||
        frame_get_typed(mfn_to_frame(info_mfn), vcpu->domain, FRAME_TYPE_WRITABLE))
        return -XEN_EINVAL;
    struct vcpu_info *info = (struct vcpu_info *)((char *)mfn_to_virtual(info_mfn) + offset);
    /* Two may do this for a third at once; the frame that is named here is the one released. */
    uint64_t none = MFN_INVALID.value;
    if (!__atomic_compare_exchange_n(&vcpu->info_frame.value, &none, number, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        frame_put_typed(mfn_to_frame(info_mfn));
        return -XEN_EINVAL;
    }
    memcpy(info, vcpu->info, sizeof(*info));
    __atomic_store_n(&vcpu->info, info, __ATOMIC_SEQ_CST);
    event_rescan(vcpu);
    return 0;
}

/* With the assist, a reader sees by a flag in the entry time that a copy is under way. */
static void runstate_copy(const struct vcpu *vcpu, const struct vcpu_runstate_info *state)
{
    guest_ptr_t area = guest_ptr(vcpu->runstate_guest);
    guest_ptr_t entry_time = {area.address + offsetof(struct vcpu_runstate_info, state_entry_time)};
    struct vcpu_runstate_info copy = *state;

    if (!(vcpu->domain->vm_assist & 1UL << VMASST_TYPE_runstate_update_flag)) {
        copy_to_guest(area, &copy, sizeof(copy));
        return;
    }
    copy.state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (copy_to_guest(entry_time, &copy.state_entry_time, sizeof(copy.state_entry_time)) ||
        copy_to_guest(area, &copy, sizeof(copy)))
        return;
    copy_to_guest(entry_time, &state->state_entry_time, sizeof(state->state_entry_time));
}

int vcpu_area_register_runstate(struct vcpu *vcpu, uint64_t address)
{
    struct vcpu_runstate_info state;

    if (!guest_range_ok(guest_ptr(address), sizeof(state)))
        return -XEN_EFAULT;
    vcpu->runstate_guest = address;
    vcpu->exit_work = true;
    if (!address)
        return 0;
    vcpu_runstate_get(vcpu, &state);
    runstate_copy(vcpu, &state);
    return 0;
}

/* An odd version says that the rest is being written. */
static void time_copy(const struct vcpu *vcpu, const struct vcpu_time_info *time)
{
    guest_ptr_t area = guest_ptr(vcpu->time_guest);
    guest_ptr_t version = {area.address + offsetof(struct vcpu_time_info, version)};
    struct vcpu_time_info copy = *time;

    copy.version |= 1;
    if (copy_to_guest(version, &copy.version, sizeof(copy.version)) ||
        copy_to_guest(area, &copy, sizeof(copy)))
        return;
    copy.version++;
    copy_to_guest(version, &copy.version, sizeof(copy.version));
}

int vcpu_area_register_time(struct vcpu *vcpu, uint64_t address)
{
    struct vcpu_time_info time = vcpu->info->time;

    if (!guest_range_ok(guest_ptr(address), sizeof(time)))
        return -XEN_EFAULT;
    vcpu->time_guest = address;
    vcpu->exit_work = true;
    if (address)
        time_copy(vcpu, &time);
    return 0;
}

bool vcpu_publish(struct vcpu *vcpu)
{
    bool runstate_due =
        vcpu->runstate_guest && vcpu->runstate_published != vcpu->runstate.state_entry_time;
    bool time_due = vcpu->time_guest && vcpu->time_published != READ_ONCE(vcpu->info->time.version);

    if (!vcpu->guest.kernel_mode)
        return !runstate_due && !time_due;
    if (runstate_due) {
        struct vcpu_runstate_info state;
        vcpu_runstate_get(vcpu, &state);
        vcpu->runstate_published = state.state_entry_time;
        runstate_copy(vcpu, &state);
    }
    if (time_due) {
        struct vcpu_time_info time = vcpu->info->time;
        vcpu->time_published = time.version;
        time_copy(vcpu, &time);
    }
    return true;
}
