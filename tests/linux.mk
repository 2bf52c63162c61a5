# SPDX-License-Identifier: MIT
# Debian's Linux as a guest, for the interop tests: the cloud kernel (a PV64 kernel as it comes),
# downloaded and unpacked, never installed, and an initial RAM disk made of busybox, the block
# and network front ends' modules and tests/interop/linux/init.

LINUX         := $(BUILD)/debian/linux.elf
LINUX_INITRD  := $(BUILD)/debian/linux-initrd.gz
LINUX_ARCHIVE := $(BUILD)/linux.cpio

$(LINUX): tools/extract-kernel
	@mkdir -p $(@D)
	cd $(@D) && rm -rf linux-image-*.deb linux && apt-get download \
	    $$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-\)/\1/p')
	dpkg -x $(@D)/linux-image-*.deb $(@D)/linux
	tools/extract-kernel $(@D)/linux/boot/vmlinuz-* $@.new
	strip $@.new && mv $@.new $@

$(LINUX_INITRD): $(LINUX) tests/interop/linux/init tests/interop/linux/network
	@rm -rf $(@D)/initrd && mkdir -p $(addprefix $(@D)/initrd/,bin dev proc sys)
	cp /bin/busybox $(@D)/initrd/bin
	install -m 755 tests/interop/linux/init tests/interop/linux/network $(@D)/initrd
	find $(@D)/linux -name 'xen-blkfront.ko*' -exec cp {} $(@D)/initrd \;
	find $(@D)/linux -name 'xen-netfront.ko*' -exec cp {} $(@D)/initrd \;
	cd $(@D)/initrd && find . | LC_ALL=C sort | \
	    cpio --quiet --reproducible -R 0:0 -o -H newc | gzip -n > ../$(@F)

# An archive for the control domain, beside its own, with Linux in it and nothing that starts.
$(LINUX_ARCHIVE): $(LINUX) $(LINUX_INITRD) $(addprefix tests/interop/linux/,linux.cfg network.cfg)
	@rm -rf $(BUILD)/linux && mkdir -p $(BUILD)/linux
	cp $^ $(BUILD)/linux
	cd $(BUILD)/linux && ls | LC_ALL=C sort | \
	    cpio --quiet --reproducible -R 0:0 -o -H newc > ../$(@F)
