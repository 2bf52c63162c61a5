# SPDX-License-Identifier: MIT
# Tests. Unit tests are host programs (cmocka, ASan, UBSan): tests/unit/test_NAME.c
# together with the sources that tests/unit/unit.mk names in NAME_SOURCES.

include tests/unit/unit.mk

UNIT_TESTS := $(patsubst tests/unit/test_%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_FLAGS := -std=gnu17 -O1 -g $(INCLUDES) -D__XEN_TOOLS__ -fsanitize=address,undefined \
    -fno-sanitize-recover=all -fno-omit-frame-pointer $(WARNINGS) -MMD -MP

.PHONY: unit
unit: $(addprefix $(BUILD)/unit/,$(addsuffix .passed,$(UNIT_TESTS))) ## run the unit tests on the host

.SECONDEXPANSION:
$(BUILD)/unit/%: tests/unit/test_%.c $$($$*_SOURCES) tests/unit/unit.mk | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(HOST_CC) $(UNIT_FLAGS) $(filter %.c,$^) -lcmocka -o $@

$(BUILD)/unit/%.passed: $(BUILD)/unit/%
	$<
	@touch $@
