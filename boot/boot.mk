# SPDX-License-Identifier: MIT
# The hypervisor image. All of boot/, hypervisor/ and lib/ is linked at its high
# address as ELF64 (symbols for gdb), then wrapped into an ELF32 Multiboot file.

HYPERVISOR_SOURCES := $(sort $(wildcard boot/*.c boot/*.S hypervisor/*.c hypervisor/*/*.c hypervisor/*/*.S lib/*.c))
HYPERVISOR_SOURCES := $(filter-out boot/container.S hypervisor/debug.c,$(HYPERVISOR_SOURCES))
NM := $(CROSS_COMPILE)nm
HYPERVISOR_OBJECTS := $(addprefix $(BUILD)/ring0/,$(addsuffix .o,$(HYPERVISOR_SOURCES)))
HYPERVISOR_FLAGS   := $(FREESTANDING) -fPIE -mcmodel=small -fno-jump-tables \
    -include hypervisor/visibility.h -Wframe-larger-than=1024
# Nothing in ring 0 uses SSE: stacks need no alignment to 16 bytes.
ifeq ($(findstring clang,$(CC)),)
HYPERVISOR_FLAGS += -mno-sse -mpreferred-stack-boundary=3
else
HYPERVISOR_FLAGS += -mstack-alignment=8 -Wno-pass-failed
endif
# The compiler sees the whole image when it links. lib/string.c stays out: it defines what the
# compiler itself calls (memcpy), and must not be turned into calls of itself.
ifeq ($(findstring clang,$(CC)),)
WHOLE_IMAGE := -flto -flto-partition=one
endif

.PHONY: hypervisor
hypervisor: $(BUILD)/bonsai.elf $(BUILD)/bonsai-debug.elf ## build the hypervisor images

$(BUILD)/ring0/lib/string.c.o: WHOLE_IMAGE :=

# What runs seldom is made small, not fast.
SELDOM := boot/% hypervisor/main.c hypervisor/panic.c lib/format.c lib/elf%.c lib/pv_layout.c lib/text.c \
    $(addprefix hypervisor/domain/,build.c counters.c dom%.c machine_check.c platform_op.c sysctl.c xen_version.c \
    vm_assist.c watchdog.c) \
    $(addprefix hypervisor/interpreter/,alu.c decode.c io_port.c) \
    $(addprefix hypervisor/io/,acpi.c console%.c io_apic.c msi.c p%.c uart.c vga_text.c) \
    $(addprefix hypervisor/memory/,audit.c boot_memory.c exchange.c m%.c) \
    $(addprefix hypervisor/processor/,clock_calibrate.c cpu.c debug_register.c descriptor.c pcpu.c \
    scheduler_cap.c scheduler_move.c scheduler_rr.c smp.c trace%.c vcpu_callbacks.c vcpu_context.c wall%.c)
OFTEN  := $(addprefix hypervisor/memory/,mmu%.c m2p.c memory_op.c)
SELDOM := $(filter-out $(OFTEN),$(filter $(SELDOM),$(HYPERVISOR_SOURCES)))
$(patsubst %,$(BUILD)/ring0/%.o,$(SELDOM)): OPTIMIZATION := -Os
# clang, without the whole image in view, needs its smallest.
ifneq ($(findstring clang,$(CC)),)
OPTIMIZATION := -Os
$(patsubst %,$(BUILD)/ring0/%.o,$(SELDOM)): OPTIMIZATION := -Oz
endif

$(BUILD)/ring0/%.c.o: %.c | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HYPERVISOR_FLAGS) $(OPTIMIZATION) $(WHOLE_IMAGE) -c $< -o $@

$(BUILD)/ring0/%.S.o: %.S | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HYPERVISOR_FLAGS) -D__ASSEMBLY__ -c $< -o $@

comma := ,
LINK_OPTIONS := --gc-sections -z max-page-size=4096 --no-warn-rwx-segments --build-id=none -T linker.ld
ifeq ($(WHOLE_IMAGE),)
HYPERVISOR_LINK := $(LD) -m elf_x86_64 -static -no-pie $(LINK_OPTIONS)
else
# Each file was compiled with all warnings; across files this one guesses.
HYPERVISOR_LINK := $(CC) $(filter-out -MMD -MP,$(HYPERVISOR_FLAGS)) $(WHOLE_IMAGE) -nostdlib -static \
    -Wno-maybe-uninitialized -no-pie $(addprefix -Wl$(comma),$(LINK_OPTIONS))
endif

# The image with symbols (gdb -ex 'symbol-file build/bonsai-symbols.elf').
$(BUILD)/bonsai-symbols.elf: $(HYPERVISOR_OBJECTS) linker.ld
	$(call say,LD,$@)
	$(Q)$(HYPERVISOR_LINK) $(HYPERVISOR_OBJECTS) -o $@

# The debug build differs in one constant (hypervisor/debug.h).
DEBUG_OBJECTS := $(patsubst %/release.c.o,%/debug.c.o,$(HYPERVISOR_OBJECTS))
$(BUILD)/bonsai-debug-symbols.elf: $(DEBUG_OBJECTS) linker.ld
	$(call say,LD,$@)
	$(Q)$(HYPERVISOR_LINK) $(DEBUG_OBJECTS) -o $@

$(BUILD)/%.bin: $(BUILD)/%-symbols.elf
	$(call say,OBJCOPY,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

$(BUILD)/%-container.o: boot/container.S $(BUILD)/%.bin
	$(call say,CC,$@)
	$(Q)$(CC) -m32 -c -DIMAGE_FILE='"$(BUILD)/$*.bin"' $< -o $@

IMAGE_SYMBOL = 0x$$($(NM) $(BUILD)/$*-symbols.elf | sed -n 's/^0*\([0-9a-f]*\) . $(1)$$/\1/p')

$(BUILD)/bonsai.elf $(BUILD)/bonsai-debug.elf: $(BUILD)/%.elf: $(BUILD)/%-container.o boot/container.ld
	$(call say,LD,$@)
	$(Q)$(LD) -m elf_i386 -static -z max-page-size=4096 --no-warn-rwx-segments -T boot/container.ld \
	    --defsym=start_physical=$(call IMAGE_SYMBOL,start_physical) \
	    --defsym=image_end_physical=$(call IMAGE_SYMBOL,image_end_physical) $< -o $@
.PRECIOUS: $(BUILD)/%.bin $(BUILD)/%-symbols.elf
