# SPDX-License-Identifier: MIT
# Guests: each file in pvguest/apps/ is one PV64 kernel, pvguest/control/ is another.
# They share one archive of the guest kernel, the drivers and lib/.

PVGUEST_SOURCES := $(sort $(wildcard pvguest/kernel/*.c pvguest/kernel/*.S drivers/*/*.c lib/*.c))
PVGUEST_OBJECTS := $(addprefix $(BUILD)/ring3/,$(addsuffix .o,$(PVGUEST_SOURCES)))
PVGUEST_FLAGS   := $(FREESTANDING) -fno-pic -mcmodel=kernel
PVGUEST_ARCHIVE := $(BUILD)/ring3/libpvguest.a

APP_SOURCES     := $(sort $(wildcard pvguest/apps/*.c))
CONTROL_SOURCES := $(sort $(wildcard pvguest/control/*.c))
CONTROL_OBJECTS := $(addprefix $(BUILD)/ring3/,$(addsuffix .o,$(CONTROL_SOURCES)))
GUESTS          := $(patsubst pvguest/apps/%.c,$(BUILD)/guests/%.elf,$(APP_SOURCES)) \
                   $(if $(CONTROL_SOURCES),$(BUILD)/guests/control.elf)

include pvguest/network/network.mk

.PHONY: guests
guests: $(GUESTS) ## build the guest kernels

$(BUILD)/ring3/%.c.o: %.c | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(PVGUEST_FLAGS) -c $< -o $@

$(BUILD)/ring3/%.S.o: %.S | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(PVGUEST_FLAGS) -D__ASSEMBLY__ -c $< -o $@

$(PVGUEST_ARCHIVE): $(PVGUEST_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

PVGUEST_LINK = $(LD) -m elf_x86_64 -nostdlib -static --gc-sections -z max-page-size=0x1000 \
    -z noexecstack --build-id=none -T pvguest/pvguest.ld -o $@

$(BUILD)/guests/control.elf: $(CONTROL_OBJECTS) $(PVGUEST_ARCHIVE) pvguest/pvguest.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(PVGUEST_LINK) $(CONTROL_OBJECTS) $(PVGUEST_ARCHIVE)

# An app whose name a folder beside apps/ has is made of what lies in there, too.
app_objects = $(patsubst %,$(BUILD)/ring3/%.o,pvguest/apps/$(1).c \
                $(sort $(wildcard pvguest/$(1)/*.c)))

# What an app links beside that and the archive of all.
app_archives = $($(1)_ARCHIVES)
demo_ARCHIVES := $(NETWORK_ARCHIVE) $(LWIP_ARCHIVE)

.SECONDEXPANSION:
$(BUILD)/guests/%.elf: $$(call app_objects,$$*) $$(call app_archives,$$*) $(PVGUEST_ARCHIVE) \
                       pvguest/pvguest.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(PVGUEST_LINK) $(filter %.o,$^) --start-group $(filter %.a,$^) --end-group

.SECONDARY: $(PVGUEST_OBJECTS) $(CONTROL_OBJECTS) $(patsubst %,$(BUILD)/ring3/%.o,$(wildcard pvguest/*/*.c))
