/* SPDX-License-Identifier: MIT */
#include "tests/unit/table_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hypervisor/processor/lock.h"

int table_machine_begin(void **state)
{
    (void)state;
    machine_reset();
    mutex_lock(&domains[0].mmu_lock);
    mutex_lock(&domains[1].mmu_lock);
    return 0;
}

int table_machine_end(void **state)
{
    (void)state;
    machine_audit();
    return 0;
}

struct frame *frame_of_one(void)
{
    return machine_frame(&domains[1]);
}

int get(struct frame *frame, enum frame_type type)
{
    return frame_get_typed(frame, &domains[1], type);
}

int update(struct frame *table, unsigned slot, uint64_t value, struct domain *frame_owner)
{
    struct table_update request = {
        .table = table, .slot = slot, .value = value, .frame_owner = frame_owner};
    return table_update(&request);
}

struct frame *pinned_table(enum frame_type type)
{
    struct frame *table = frame_of_one();

    assert_int_equal(frame_pin(table, &domains[1], type), 0);
    return table;
}
