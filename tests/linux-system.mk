# SPDX-License-Identifier: MIT
# Debian's Linux as a small system with a shell: as a guest (cloud and standard kernel, the boot
# image as the package has it) and as the first domain (standard kernel). Its initial RAM disk and
# its root file system are busybox, tests/interop/linux/root and the kernel's own drivers.

SYSTEM         := $(BUILD)/debian/system
SYSTEM_FILES   := $(shell find tests/interop/linux/root tests/interop/linux/system -type f)
SYSTEM_ROOT    := $(SYSTEM)/root.ext4

# All that the tests want.
LINUX_SYSTEM := $(BUILD)/linux-cloud.cpio $(BUILD)/linux-standard.cpio $(SYSTEM)/standard.elf $(SYSTEM_ROOT)

.SECONDARY: $(SYSTEM)/cloud.vmlinuz $(SYSTEM)/standard.vmlinuz $(SYSTEM)/cloud.initrd $(SYSTEM)/standard.initrd

# What the initial RAM disk can load, beside what these need.
SYSTEM_DRIVERS := xen-blkfront xen-netfront crc32c_generic ext4 virtio_pci virtio_blk virtio_net e1000 e1000e ahci \
                  ata_piix sd_mod

# Either kernel: linux-image-amd64 is the standard one, linux-image-cloud-amd64 the cloud's.
$(SYSTEM)/standard.vmlinuz: system_package = linux-image-amd64
$(SYSTEM)/cloud.vmlinuz:    system_package = linux-image-cloud-amd64
$(SYSTEM)/%.vmlinuz:
	@rm -rf $(SYSTEM)/$* && mkdir -p $(SYSTEM)/$*
	cd $(SYSTEM)/$* && apt-get download -q \
	    $$(apt-cache depends $(system_package) | sed -n 's/.*Depends: \(linux-image-\)/\1/p')
	dpkg -x $(SYSTEM)/$*/linux-image-*.deb $(SYSTEM)/$*
	rm $(SYSTEM)/$*/linux-image-*.deb
	cp $(SYSTEM)/$*/boot/vmlinuz-* $@

# The modules' dependencies are found by depmod on the whole package, as an installation does it.
$(SYSTEM)/%.initrd: $(SYSTEM)/%.vmlinuz $(SYSTEM_FILES)
	@rm -rf $(SYSTEM)/$*-root
	cp -R tests/interop/linux/root $(SYSTEM)/$*-root
	cd $(SYSTEM)/$*-root && mkdir -p bin dev proc sys mnt tmp && cp /bin/busybox bin
	tests/interop/linux/copy-modules $(SYSTEM)/$* $(SYSTEM)/$*-root $(SYSTEM_DRIVERS)
	cd $(SYSTEM)/$*-root && find . | LC_ALL=C sort | \
	    cpio --quiet --reproducible -R 0:0 -o -H newc | gzip -n > ../$(@F)

$(SYSTEM)/%.elf: $(SYSTEM)/%.vmlinuz tools/extract-kernel
	tools/extract-kernel $< $@
	strip $@

# A root file system for a guest's disk; it fits into the second partition of the test disk.
$(SYSTEM_ROOT): $(SYSTEM)/cloud.initrd
	rm -f $@
	PATH=$$PATH:/usr/sbin mke2fs -q -t ext4 -d $(SYSTEM)/cloud-root $@ 16M

# An archive for the control domain with one of the kernels, as the package has it, and the
# configurations that name it.
$(BUILD)/linux-%.cpio: $(SYSTEM)/%.vmlinuz $(SYSTEM)/%.initrd $(SYSTEM_FILES) \
                       tools/make-archive tools/extract-kernel
	@rm -rf $(BUILD)/linux-$* && mkdir -p $(BUILD)/linux-$*
	cp $(SYSTEM)/$*.vmlinuz $(SYSTEM)/$*.initrd tests/interop/linux/system/$**.cfg $(BUILD)/linux-$*
	tools/make-archive $(BUILD)/linux-$* $@
