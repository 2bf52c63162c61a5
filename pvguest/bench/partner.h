/* SPDX-License-Identifier: MIT */
/*
 * The other domain of the rows that need two: a second bench guest, started with
 * `role=partner partner=ID` (events and turns) or `role=echo` (frames), ID being the domain that
 * measures, whose command line has `partner=` with this one's.
 *
 * The partner offers a page and a port in the store, at `data/bench` of its own directory; what it
 * counts in the page shows that it really ran.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum partner_task {
    PARTNER_ANSWER, /* each event is answered with one */
    PARTNER_YIELD,  /* take turns: count and yield until told otherwise */
};

struct partner_page {
    uint64_t magic;
    uint32_t task;  /* enum partner_task, written by who measures */
    uint32_t port;  /* for who measures to connect to */
    uint64_t turns; /* events answered, or turns taken */
};

#define PARTNER_MAGIC 0x626f6e7361692121UL

/* Frames between two bench guests (IEEE 802 local experimental type). */
#define FRAME_TYPE         0x88b5
#define FRAME_ECHO         1 /* send it back */
#define FRAME_DATA         2 /* count it; each FRAME_ACKNOWLEDGED-th is answered with the count */
#define FRAME_COUNT        3 /* the answer */
#define FRAME_WINDOW       64
#define FRAME_ACKNOWLEDGED 16

struct bench_frame {
    uint8_t destination[6], source[6];
    uint16_t type; /* big endian */
    uint8_t kind, unused;
    uint64_t number;
    uint8_t filling[1514 - 24];
} __attribute__((packed));

#define BENCH_FRAME_LEAST 60

struct network_arrival;

/* A whole copy; false when it is none of ours. */
bool bench_frame_read(const struct network_arrival *arrival, struct bench_frame *frame);

/* Serve for ever. */
_Noreturn void partner_serve(void);
_Noreturn void partner_echo(void);
