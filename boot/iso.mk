# SPDX-License-Identifier: MIT
# What is booted: the ISO with GRUB for BIOS and UEFI, the control domain's archive, a disk.

ISO          := $(BUILD)/bonsai.iso
DISK         := $(BUILD)/disk.img
ARCHIVE      := $(BUILD)/domains.cpio
DOMAIN_FILES := $(sort $(shell find domains -type f))
QEMU         ?= qemu-system-x86_64
MEMORY       ?= 512M
CPUS         ?= 2
PORT         ?= 8080

.PHONY: iso disk run start
iso: $(ISO) ## build the ISO image

# The configurations of domains/, the kernels they name, and empty images: the RAM disk of
# moss, and what serves demo on a machine without a disk.
$(ARCHIVE): $(DOMAIN_FILES) $(GUESTS) tools/make-archive tools/extract-kernel
	@rm -rf $(BUILD)/domains && mkdir -p $(BUILD)/domains
	cp -R domains/. $(BUILD)/domains
	cp $(filter-out %/control.elf,$(GUESTS)) $(BUILD)/domains
	strip $(BUILD)/domains/*.elf
	truncate -s 1M $(BUILD)/domains/scratch.img $(BUILD)/domains/demo.img
	tools/make-archive $(BUILD)/domains $@

$(ISO): $(BUILD)/bonsai.elf $(BUILD)/guests/control.elf $(ARCHIVE) boot/grub.cfg
	@rm -rf $(BUILD)/iso && mkdir -p $(BUILD)/iso/boot/grub
	cp boot/grub.cfg $(BUILD)/iso/boot/grub
	cp $(BUILD)/bonsai.elf $(ARCHIVE) $(BUILD)/iso/boot
	cp $(LWIP)/COPYING $(BUILD)/iso/boot/lwip-license.txt
	strip -o $(BUILD)/iso/boot/control.elf $(BUILD)/guests/control.elf
	grub-mkrescue -o $@ --fonts= --locales= --themes= $(BUILD)/iso -- -volid BONSAI \
	    > $(BUILD)/grub-mkrescue.log 2>&1 || { cat $(BUILD)/grub-mkrescue.log; exit 1; }

disk: $(DISK) ## make the disk image, if there is none

# A user's data: made once, never overwritten.
$(DISK): | $(BUILD)/include/xen
	truncate -s 32M $@.new
	PATH=$$PATH:/usr/sbin sgdisk --clear --new=1:0:+8M --change-name=1:demo --new=2:0:+16M --change-name=2:scratch \
	    $@.new > /dev/null
	mv $@.new $@

# In two steps: the second make sees the compiler that the first installed.
run: setup ## install what is missing, build, boot the ISO in QEMU (Ctrl-A X ends it)
	@$(MAKE) --no-print-directory start

# The first port from PORT on that nobody listens at leads to port 80 of 10.0.2.15, the address that
# demo asks for.
start: $(ISO) $(DISK)
	@port=$$(bash -c 'port=$(PORT); while (exec 3<> /dev/tcp/127.0.0.1/$$port) 2> /dev/null; do \
	    port=$$((port + 1)); done; echo $$port'); \
	echo "The demo guest's web page: http://127.0.0.1:$$port/"; \
	exec $(QEMU) -accel tcg -cpu max -m $(MEMORY) -smp $(CPUS) -display none -no-reboot \
	    -serial mon:stdio -cdrom $(ISO) -boot d -drive file=$(DISK),format=raw,if=none,id=disk \
	    -device virtio-blk-pci,drive=disk -netdev user,id=net,hostfwd=tcp:127.0.0.1:$$port-:80 \
	    -device virtio-net-pci,netdev=net
