/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/runstate.h"

#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/scheduler_queue.h"

void runstate_change(struct vcpu *vcpu, int state, uint64_t now)
{
    struct vcpu_runstate_info *runstate = &vcpu->runstate;

    if (now < runstate->state_entry_time)
        now = runstate->state_entry_time; /* another processor's clock */
    runstate->time[runstate->state] += now - runstate->state_entry_time;
    runstate->state = state;
    runstate->state_entry_time = now;
}

/* Who has used up its domain's budget is runnable, as in Xen. */
static int state_while_stopped(const struct vcpu *vcpu)
{
    if (vcpu_runnable(vcpu))
        return RUNSTATE_runnable;
    if ((vcpu->wait & VCPU_WAIT_DOWN) || vcpu->pause_count)
        return RUNSTATE_offline;
    return vcpu->wait == VCPU_WAIT_BUDGET ? RUNSTATE_runnable : RUNSTATE_blocked;
}

void runstate_stopped(struct vcpu *vcpu, uint64_t now)
{
    int state = state_while_stopped(vcpu);

    if (vcpu->runstate.state != state)
        runstate_change(vcpu, state, now);
}

void vcpu_runstate_get(struct vcpu *vcpu, struct vcpu_runstate_info *copy)
{
    struct run_queue *queue = queue_lock(vcpu);

    *copy = vcpu->runstate;
    spin_unlock(&queue->lock);
    uint64_t now = clock_now();
    if (now > copy->state_entry_time)
        copy->time[copy->state] += now - copy->state_entry_time;
}

uint64_t vcpu_cpu_time(struct vcpu *vcpu)
{
    struct vcpu_runstate_info runstate;

    vcpu_runstate_get(vcpu, &runstate);
    return runstate.time[RUNSTATE_running];
}
