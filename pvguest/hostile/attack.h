/* SPDX-License-Identifier: MIT */
/*
 * One way in which a guest tries to break out of its domain, or to take the machine down with it.
 * Whatever it does, the hypervisor and the other domains must not notice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
    REFUSED,  /* returns; every step was answered with an error or a harmless result */
    HARMLESS, /* returns, or ends this domain: either way nobody else notices */
    ENDED,    /* the hypervisor must end this domain: coming back is a failure */
    FOR_EVER, /* never comes back; the domain is to be ended from outside */
};

struct attack {
    const char *name;
    enum outcome outcome;
    bool (*run)(void); /* false: the hypervisor let something through */
};

/* Tables that end with an entry without a name. */
extern const struct attack memory_attacks[];
extern const struct attack processor_attacks[];
extern const struct attack entry_attacks[];
extern const struct attack ring_attacks[];
extern const struct attack storm_attacks[];
extern const struct attack random_attacks[];
extern const struct attack endless_attacks[];
extern const struct attack vcpu_attacks[];
extern const struct attack pool_attacks[];

/* A number given on the command line as `name=`. */
uint64_t attack_number(const char *name, uint64_t otherwise);

#define HYPERVISOR_ADDRESS   0xffff830000000000UL
#define NONCANONICAL_ADDRESS 0x0000800000000000UL
#define UNMAPPED_ADDRESS     0x0000100000000000UL
#define ABSURD_FRAME         (1UL << 39)
