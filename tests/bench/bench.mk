# SPDX-License-Identifier: MIT
# Bonsai beside Xen: `make bench` prints tables and writes $(BUILD)/bench.json and bench.svg;
# docs/benchmarks.md explains them. `make bench-check` compares with tests/bench/baseline.json.

BENCH_FLAGS ?=
BENCH := BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/measure.py

.PHONY: bench bench-check bench-baseline scale
bench: all $(XEN) ## measure the same guest on Bonsai and on Xen
	$(BENCH) $(BENCH_FLAGS)
	tools/bench-chart $(BUILD)/bench.json $(BUILD)/bench.svg

bench-check: all ## name the rows that became more than 5 % slower
	$(BENCH) check

bench-baseline: all ## make this build's figures the ones to compare with
	$(BENCH) baseline

scale: all ## what it costs to make, list and end a domain beside up to 500
	BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/scale.py
