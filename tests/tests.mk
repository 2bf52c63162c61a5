# SPDX-License-Identifier: MIT
# Tests. Unit tests are host programs (cmocka, ASan, UBSan): tests/unit/test_NAME.c
# together with the sources that tests/unit/unit.mk names in NAME_SOURCES. Boot and interop
# tests are Python and start QEMU; pytest runs them all and the unit tests too.

include tests/unit/unit.mk

PYTEST        ?= /usr/bin/python3 -m pytest
PYTEST_FLAGS  ?= -n 2
UNIT_TESTS    := $(patsubst tests/unit/test_%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_PROGRAMS := $(addprefix $(BUILD)/unit/,$(UNIT_TESTS))
UNIT_FLAGS    := -std=gnu17 -O1 -g $(INCLUDES) -D__XEN_TOOLS__ -fsanitize=address,undefined \
    -fno-sanitize-recover=all -fno-omit-frame-pointer $(WARNINGS) -MMD -MP

.PHONY: unit test tests soak soak-tests
unit: $(addsuffix .passed,$(UNIT_PROGRAMS)) ## build and run the unit tests on the host

$(BUILD)/host/%.c.o: %.c | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)
	$(Q)$(HOST_CC) $(UNIT_FLAGS) -c $< -o $@

.SECONDEXPANSION:
$(BUILD)/unit/%: $(BUILD)/host/tests/unit/test_%.c.o \
                 $$(addprefix $(BUILD)/host/,$$(addsuffix .o,$$($$*_SOURCES)))
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOST_CC) -fsanitize=address,undefined $(filter %.o,$^) -lcmocka -o $@

$(BUILD)/unit/%.passed: $(BUILD)/unit/%
	$<
	@touch $@

.PRECIOUS: $(BUILD)/host/%.c.o $(BUILD)/unit/%

# Debian's Xen, the opposite side of the interop tests: downloaded, unpacked, never installed.
XEN_PACKAGE := xen-hypervisor-4.17-amd64
XEN         := $(BUILD)/debian/xen.elf

$(XEN):
	@mkdir -p $(@D)
	cd $(@D) && rm -f $(XEN_PACKAGE)_*.deb && apt-get download $(XEN_PACKAGE)
	dpkg -x $(@D)/$(XEN_PACKAGE)_*.deb $(@D)/root
	gunzip -c $(@D)/root/boot/xen-4.17-amd64.gz > $@

include tests/linux.mk
include tests/linux-system.mk

# In two steps, as `run`: the second make sees the compiler that the first installed.
test: setup ## install what is missing, build, run all tests
	@$(MAKE) --no-print-directory tests

# The long ones (marked `soak`) are left to `make soak`, which runs them all.
tests: SELECTION := -m "not soak"
tests soak-tests: all $(ISO) $(UNIT_PROGRAMS) $(XEN) $(LINUX_ARCHIVE) $(LINUX_SYSTEM)
	@rm -f $(BUILD)/linux-start.txt
	BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 \
	    $(PYTEST) $(PYTEST_FLAGS) $(SELECTION) -p no:cacheprovider --no-header tests
	@cat $(BUILD)/linux-start.txt

soak: setup ## as test, and the tests that take long
	@$(MAKE) --no-print-directory soak-tests
