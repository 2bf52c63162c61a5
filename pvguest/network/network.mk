# SPDX-License-Identifier: MIT
# lwIP, the TCP/IP stack of guests that have one: Debian's source package, compiled with the
# guests' own flags (no red zone, no SSE: the binary package has both) against the configuration
# in pvguest/network/lwip. The files named here are all that is compiled of it.

LWIP          := $(BUILD)/debian/lwip
LWIP_CORE     := def inet_chksum init ip mem memp netif pbuf raw stats sys tcp tcp_in tcp_out timeouts udp \
                 ipv4/dhcp ipv4/etharp ipv4/icmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag
LWIP_SOURCES  := $(patsubst %,$(LWIP)/src/core/%.c,$(LWIP_CORE)) $(LWIP)/src/netif/ethernet.c
LWIP_OBJECTS  := $(LWIP_SOURCES:$(LWIP)/%.c=$(BUILD)/ring3/lwip/%.o)
LWIP_INCLUDES := -Ipvguest/network/lwip -isystem $(LWIP)/src/include
LWIP_ARCHIVE  := $(BUILD)/ring3/liblwip.a
NETWORK_OBJECTS := $(patsubst %,$(BUILD)/ring3/%.o,$(sort $(wildcard pvguest/network/*.c)))
NETWORK_ARCHIVE := $(BUILD)/ring3/libnetwork.a

$(LWIP)/COPYING: tools/debian-source
	@mkdir -p $(@D)
	$(call say,FETCH,lwip)
	$(Q)tools/debian-source lwip $(abspath $(LWIP))
	@touch $@

$(LWIP_SOURCES): $(LWIP)/COPYING ;

# Not our code: compiled as it is, without our warnings.
$(BUILD)/ring3/lwip/%.o: $(LWIP)/%.c $(wildcard pvguest/network/lwip/*.h pvguest/network/lwip/arch/*.h)
	@mkdir -p $(@D)
	$(call say,CC,$(<:$(BUILD)/%=%))
	$(Q)$(CC) $(filter-out -W%,$(PVGUEST_FLAGS)) -w $(LWIP_INCLUDES) -c $< -o $@

$(LWIP_ARCHIVE): $(LWIP_OBJECTS)
$(NETWORK_ARCHIVE): $(NETWORK_OBJECTS)
$(LWIP_ARCHIVE) $(NETWORK_ARCHIVE):
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/ring3/pvguest/network/%.c.o $(BUILD)/ring3/pvguest/demo/%.c.o: \
    PVGUEST_FLAGS += $(LWIP_INCLUDES)
$(NETWORK_OBJECTS) $(patsubst %,$(BUILD)/ring3/%.o,$(wildcard pvguest/demo/*.c)): \
    | $(LWIP)/COPYING
