# SPDX-License-Identifier: MIT
# The hypervisor image. All of boot/, hypervisor/ and lib/ is linked at its high
# address as ELF64 (symbols for gdb), then wrapped into an ELF32 Multiboot file.

HYPERVISOR_SOURCES := $(sort $(wildcard boot/*.c boot/*.S hypervisor/*.c hypervisor/*/*.c hypervisor/*/*.S lib/*.c))
HYPERVISOR_SOURCES := $(filter-out boot/container.S,$(HYPERVISOR_SOURCES))
NM := $(CROSS_COMPILE)nm
HYPERVISOR_OBJECTS := $(addprefix $(BUILD)/ring0/,$(addsuffix .o,$(HYPERVISOR_SOURCES)))
HYPERVISOR_FLAGS   := $(FREESTANDING) -fPIE -mcmodel=small -fno-jump-tables \
    -include hypervisor/visibility.h -Wframe-larger-than=1024

.PHONY: hypervisor
hypervisor: $(BUILD)/bonsai.elf ## build the hypervisor image

$(BUILD)/ring0/%.c.o: %.c | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HYPERVISOR_FLAGS) -c $< -o $@

$(BUILD)/ring0/%.S.o: %.S | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HYPERVISOR_FLAGS) -D__ASSEMBLY__ -c $< -o $@

# The image with symbols (gdb -ex 'symbol-file build/bonsai-symbols.elf').
$(BUILD)/bonsai-symbols.elf: $(HYPERVISOR_OBJECTS) linker.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_x86_64 -static -no-pie --gc-sections -z max-page-size=4096 \
	    --no-warn-rwx-segments -T linker.ld $(HYPERVISOR_OBJECTS) -o $@

$(BUILD)/bonsai.bin: $(BUILD)/bonsai-symbols.elf
	$(call say,OBJCOPY,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

$(BUILD)/container.o: boot/container.S $(BUILD)/bonsai.bin
	$(call say,CC,$<)
	$(Q)$(CC) -m32 -c -DIMAGE_FILE='"$(BUILD)/bonsai.bin"' $< -o $@

IMAGE_SYMBOL = 0x$$($(NM) $(BUILD)/bonsai-symbols.elf | sed -n 's/^0*\([0-9a-f]*\) . $(1)$$/\1/p')

$(BUILD)/bonsai.elf: $(BUILD)/container.o boot/container.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_i386 -static -z max-page-size=4096 --no-warn-rwx-segments -T boot/container.ld \
	    --defsym=start_physical=$(call IMAGE_SYMBOL,start_physical) \
	    --defsym=image_end_physical=$(call IMAGE_SYMBOL,image_end_physical) $< -o $@
