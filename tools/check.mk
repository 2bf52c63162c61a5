# SPDX-License-Identifier: MIT
# What a reviewer would check by hand: format, headers that stand alone, static analysis, lengths.

C_FILES       := $(sort $(shell git ls-files '*.c' '*.h' 2>/dev/null))
RING0_HEADERS := $(filter hypervisor/%.h boot/%.h,$(C_FILES))
RING3_HEADERS := $(filter pvguest/%.h drivers/%.h lib/%.h,$(C_FILES))
HOST_HEADERS  := $(filter tests/%.h,$(C_FILES))
TIDY_RING0    := $(filter hypervisor/%.c boot/%.c lib/%.c,$(C_FILES))
TIDY_RING3    := $(filter pvguest/%.c drivers/%.c,$(C_FILES))
TIDY_FLAGS    := -std=gnu17 -m64 -O2 -ffreestanding -nostdinc -D__XEN_TOOLS__ -mno-red-zone \
    -mgeneral-regs-only -isystem $(shell clang -print-resource-dir 2>/dev/null)/include $(INCLUDES)

.PHONY: check check-format check-headers check-tidy check-lengths
check: check-format check-headers check-lengths check-tidy ## check format, headers, lengths; static analysis

check-format:
	clang-format --dry-run -Werror $(C_FILES)

# Each header compiles alone.
check-headers: $(addprefix $(BUILD)/alone/0/,$(RING0_HEADERS)) \
               $(addprefix $(BUILD)/alone/3/,$(RING3_HEADERS)) \
               $(addprefix $(BUILD)/alone/host/,$(HOST_HEADERS))

ALONE = @mkdir -p $(@D) && echo '\#include "$<"' | $(CC) $(1) -fsyntax-only -x c - && touch $@

$(BUILD)/alone/0/%.h: %.h | $(BUILD)/include/xen
	$(call ALONE,$(filter-out -MMD -MP,$(HYPERVISOR_FLAGS)))

$(BUILD)/alone/3/%.h: %.h | $(BUILD)/include/xen
	$(call ALONE,$(filter-out -MMD -MP,$(PVGUEST_FLAGS)))

$(BUILD)/alone/3/pvguest/network/%.h $(BUILD)/alone/3/pvguest/demo/%.h: \
    PVGUEST_FLAGS += $(LWIP_INCLUDES)

$(BUILD)/alone/host/%.h: %.h | $(BUILD)/include/xen
	$(call ALONE,$(filter-out -MMD -MP,$(UNIT_FLAGS)))

check-tidy: | $(BUILD)/include/xen $(LWIP)/COPYING
	clang-tidy --quiet --warnings-as-errors='*' $(TIDY_RING0) -- $(TIDY_FLAGS) -fPIE -mcmodel=small
	clang-tidy --quiet --warnings-as-errors='*' $(TIDY_RING3) -- $(TIDY_FLAGS) -mcmodel=kernel \
	    $(LWIP_INCLUDES)

check-lengths:
	@tools/lengths $(filter %.c,$(C_FILES))
