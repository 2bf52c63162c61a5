# SPDX-License-Identifier: MIT
# NAME_SOURCES: what tests/unit/test_NAME.c is linked with, beside itself.
text_SOURCES      := lib/text.c
format_SOURCES    := lib/format.c
configuration_SOURCES := pvguest/control/configuration.c pvguest/control/configuration_syntax.c \
    pvguest/control/configuration_disk.c pvguest/control/configuration_network.c \
    pvguest/control/network_frame.c pvguest/control/pcpu_set.c lib/text.c lib/format.c
disk_SOURCES := pvguest/control/disk_checksum.c pvguest/control/disk_extent.c \
    pvguest/control/disk_gpt.c pvguest/control/disk_target.c lib/text.c lib/format.c
elf_SOURCES       := lib/elf.c lib/elf_notes.c lib/text.c tests/unit/elf_image.c
cpio_SOURCES      := lib/cpio.c
pv_layout_SOURCES := lib/pv_layout.c lib/text.c
STORE_LOGIC := $(addprefix pvguest/control/store_,account.c connection.c database.c node.c \
    observer.c path.c permission.c place.c request.c transaction.c tree.c) \
    pvguest/control/domain_table.c pvguest/kernel/store_error.c lib/text.c lib/format.c \
    tests/unit/host_heap.c
store_SOURCES := $(STORE_LOGIC) tests/unit/store_client.c tests/unit/store_machine.c
store_limits_SOURCES := $(store_SOURCES)
store_watch_SOURCES := $(store_SOURCES)
console_back_SOURCES := drivers/console/back_ring.c drivers/console/back_limit.c
shell_SOURCES     := pvguest/control/shell_line.c pvguest/control/shell_words.c \
    pvguest/control/pcpu_set.c lib/format.c lib/text.c
block_request_SOURCES := drivers/block/request.c
back_event_SOURCES := tests/unit/interruption.c drivers/block/back_instance.c drivers/block/request.c \
    drivers/net/back_instance.c drivers/net/back_receive.c drivers/net/back_transmit.c \
    drivers/net/wire.c pvguest/control/network_queue.c pvguest/control/network_rate.c lib/text.c
bus_SOURCES := drivers/bus/key.c drivers/bus/front.c drivers/bus/back.c pvguest/kernel/store.c \
    $(STORE_LOGIC) tests/unit/store_client.c tests/unit/fake_domains.c
store_stream_SOURCES := pvguest/kernel/store_stream.c
interpreter_SOURCES := hypervisor/interpreter/alu.c hypervisor/interpreter/decode.c
virtio_queue_SOURCES := drivers/hardware/virtio_queue.c
MACHINE_SOURCES := tests/unit/machine.c hypervisor/debug.c hypervisor/memory/audit.c hypervisor/memory/descriptor_frame.c \
    hypervisor/memory/device_memory.c hypervisor/memory/entry.c hypervisor/memory/frame.c \
    hypervisor/memory/heap.c hypervisor/memory/known_table.c hypervisor/memory/leaf.c hypervisor/memory/m2p.c hypervisor/memory/table.c hypervisor/memory/type.c
event_channel_SOURCES := $(MACHINE_SOURCES) tests/unit/event_machine.c hypervisor/io/event_channel.c hypervisor/io/event_bind.c \
    hypervisor/io/event_poll.c
frame_SOURCES := $(MACHINE_SOURCES)
type_SOURCES  := $(MACHINE_SOURCES) tests/unit/table_machine.c
table_SOURCES := $(type_SOURCES)
boot_info_SOURCES := boot/boot_info.c lib/text.c
boot_memory_SOURCES := hypervisor/memory/boot_memory.c
acpi_SOURCES := hypervisor/io/acpi.c hypervisor/io/power_acpi.c
trace_ring_SOURCES := hypervisor/processor/trace_ring.c
priority_queue_SOURCES := lib/priority_queue.c
calendar_queue_SOURCES := lib/calendar_queue.c tests/unit/calendar_check.c
clock_SOURCES := hypervisor/processor/clock_scale.c hypervisor/processor/wall_clock.c
timer_SOURCES := hypervisor/processor/timer.c hypervisor/debug.c lib/priority_queue.c
grant_SOURCES := $(MACHINE_SOURCES) hypervisor/memory/grant_table.c hypervisor/memory/grant_map.c \
    hypervisor/memory/grant_copy.c

sha256_SOURCES := lib/sha256.c
scheduler_SOURCES := tests/unit/scheduler_machine.c lib/calendar_queue.c lib/text.c \
    $(addprefix hypervisor/processor/,runstate.c scheduler.c scheduler_cap.c scheduler_fair.c \
    scheduler_move.c scheduler_queue.c scheduler_rr.c tlb.c)
scheduler_cap_SOURCES := $(scheduler_SOURCES)
scheduler_move_SOURCES := $(scheduler_SOURCES)
scheduler_random_SOURCES := $(scheduler_SOURCES) tests/unit/calendar_check.c
network_front_SOURCES := drivers/net/front_buffers.c drivers/net/front_receive.c \
    drivers/net/front_transmit.c drivers/net/wire.c
net_wire_SOURCES := drivers/net/wire.c
network_SOURCES := $(addprefix pvguest/control/network_,forward.c frame.c queue.c rate.c table.c) \
    lib/format.c lib/text.c
