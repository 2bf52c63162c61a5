# SPDX-License-Identifier: MIT
# Bonsai: one Makefile, out-of-tree build. `make help` lists the targets.

BUILD         ?= build
CROSS_COMPILE ?=
XEN_HEADERS   ?= /usr/include/xen
ifeq ($(origin CC),default)
CC            := $(CROSS_COMPILE)gcc
endif
LD            := $(CROSS_COMPILE)ld
OBJCOPY       := $(CROSS_COMPILE)objcopy
AR            := $(CROSS_COMPILE)ar
HOST_CC       ?= gcc

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS     += --no-builtin-rules

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wvla -Wundef -Wwrite-strings
INCLUDES := -I. -I$(BUILD)/include

# Freestanding code: no C library headers, only the compiler's own and Xen's.
FREESTANDING := -std=gnu17 -m64 -O2 -g -ffreestanding -nostdinc \
    -isystem $(shell $(CC) -print-file-name=include) $(INCLUDES) -D__XEN_TOOLS__ \
    -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
    -fno-asynchronous-unwind-tables -fcf-protection=none -fno-common \
    -ffunction-sections -fdata-sections $(WARNINGS) -MMD -MP

# `make V=1` prints whole commands.
ifeq ($(V),1)
say =
Q   =
else
say = @printf '  %-8s%s\n' $(1) $(2)
Q   = @
endif

include boot/boot.mk
include pvguest/pvguest.mk
include boot/iso.mk
include tests/tests.mk
include tests/bench/bench.mk
include tools/setup.mk
include tools/guest.mk
include tools/check.mk

.PHONY: all clean help
all: hypervisor guests ## build everything (default)

$(BUILD)/include/xen:
	@mkdir -p $(@D)
	ln -sfn $(XEN_HEADERS) $@

clean: ## remove the build folder
	rm -rf $(BUILD)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
