# SPDX-License-Identifier: MIT
# Bonsai beside Xen: `make bench` prints tables and writes $(BUILD)/bench.json and bench.svg;
# docs/benchmarks.md explains them. `make bench-check` compares with tests/bench/baseline.json.

BENCH_FLAGS ?=
BENCH := BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/measure.py

# A first domain that says when it began; a Linux whose first process measures (beside the kernel
# of tests/linux.mk, as the package has it for a machine and unpacked for a domain).
BENCH_FIRST  := $(BUILD)/bench/first.elf
BENCH_INIT   := $(BUILD)/bench/init
BENCH_INITRD := $(BUILD)/bench/initrd

.PHONY: bench bench-check bench-document bench-baseline scale
# Without a way to get Debian's packages the rest is measured, and it is said what is missing.
bench: all $(BENCH_FIRST) $(BENCH_INITRD) ## measure the same guests on Bonsai and on Xen
	-@$(MAKE) --no-print-directory -k $(XEN) $(LINUX)
	$(BENCH) $(BENCH_FLAGS)
	tools/bench-chart $(BUILD)/bench.json $(BUILD)/bench.svg

bench-check: all ## name the rows that became more than 5 % slower
	$(BENCH) check

bench-document: ## put the tables and the chart of the last run into docs/
	$(BENCH) document
	tools/bench-chart $(BUILD)/bench.json docs/pictures/benchmarks.svg

bench-baseline: all ## make this build's figures the ones to compare with
	$(BENCH) baseline

scale: all ## what it costs to make, list and end a domain beside up to 500
	BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/scale.py

$(BENCH_FIRST): $(addprefix $(BUILD)/ring3/,tests/bench/first.c.o pvguest/kernel/start.S.o) \
                $(PVGUEST_ARCHIVE) pvguest/pvguest.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(PVGUEST_LINK) $(filter %.o %.a,$^)

$(BENCH_INIT): tests/bench/linux/measure.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOST_CC) -std=gnu17 -O2 $(WARNINGS) -static $< -o $@

$(BENCH_INITRD): $(BENCH_INIT)
	cd $(@D) && echo $(notdir $<) | cpio --quiet --reproducible -R 0:0 -o -H newc > $(@F)
