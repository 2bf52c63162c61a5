# SPDX-License-Identifier: MIT
# A guest author's loop: docs/guest.md.

.PHONY: guest
guest: $(BUILD)/bonsai.elf $(BUILD)/guests/control.elf ## boot KERNEL as a guest (RAMDISK, CMDLINE, VCPUS, MEMORY, TIMEOUT)
	@BUILD=$(BUILD) tools/run-guest
