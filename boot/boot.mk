# SPDX-License-Identifier: MIT
# The hypervisor image. All of boot/, hypervisor/ and lib/ is linked at its high
# address as ELF64 (symbols for gdb), then wrapped into an ELF32 Multiboot file.

HYPERVISOR_SOURCES := $(sort $(wildcard boot/*.c boot/*.S hypervisor/*.c hypervisor/*/*.c hypervisor/*/*.S lib/*.c))
HYPERVISOR_SOURCES := $(filter-out boot/container.S,$(HYPERVISOR_SOURCES))
HYPERVISOR_OBJECTS := $(addprefix $(BUILD)/ring0/,$(addsuffix .o,$(HYPERVISOR_SOURCES)))
HYPERVISOR_FLAGS   := $(FREESTANDING) -fPIE -mcmodel=small -fno-jump-tables \
    -include hypervisor/visibility.h -Wframe-larger-than=1024

.PHONY: hypervisor
hypervisor: $(BUILD)/bonsai.elf ## build the hypervisor image

$(BUILD)/ring0/%.c.o: %.c | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(CC) $(HYPERVISOR_FLAGS) -c $< -o $@

$(BUILD)/ring0/%.S.o: %.S | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(CC) $(HYPERVISOR_FLAGS) -D__ASSEMBLY__ -c $< -o $@
