/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/vcpu.h"

#include "lib/string.h"
#include "pvguest/kernel/start.h"

struct vcpu vcpus[VCPU_MAX];
uint32_t vcpus_up = 1;

extern char first_stack[];

void vcpu_own_stack(struct vcpu *vcpu, void *stack)
{
    *(struct stack_base *)stack = (struct stack_base){.info = vcpu->info, .vcpu = vcpu};
}

void vcpu_start(void)
{
    for (unsigned int number = 0; number < VCPU_MAX; number++) {
        struct vcpu *vcpu = &vcpus[number];

        vcpu->number = number;
        vcpu->info = number ? &vcpu->own_info : &shared_info->vcpu_info[0];
        wait_queue_init(&vcpu->changed);
        list_init(&vcpu->ready);
        list_init(&vcpu->timers);
        list_init(&vcpu->calls);
    }
    /* All ports are the first one's until one is made for another or moved. */
    memset(vcpus[0].ports, 0xff, sizeof(vcpus[0].ports));
    vcpus[0].up = true;
    vcpus[0].current = &thread_main;
    vcpu_own_stack(&vcpus[0], first_stack);
}
