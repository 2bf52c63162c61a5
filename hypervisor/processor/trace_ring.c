/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/trace_ring.h"

#include <stdbool.h>

#define WORD       ((uint32_t)sizeof(uint32_t))
#define TSC_WORDS  2
#define LOST_WORDS 4 /* how many, domain and vcpu (unknown), two words of time */
#define RECORD_MAX ((1 + TSC_WORDS + TRACE_EXTRA_MAX) * WORD)

void trace_ring_init(struct trace_ring *ring, void *memory, uint32_t bytes)
{
    *ring = (struct trace_ring){.shared = memory, .size = bytes - sizeof(struct t_buf)};
}

static uint32_t record_bytes(unsigned count)
{
    return (1 + TSC_WORDS + count) * WORD;
}

/* A record may follow with another before it, and leave the rest of the ring's end unused. */
static bool has_room(const struct trace_ring *ring, uint32_t bytes)
{
    uint32_t consumed = __atomic_load_n(&ring->shared->cons, __ATOMIC_ACQUIRE);

    if (consumed >= 2 * ring->size || consumed % WORD)
        return false;
    uint32_t used = (ring->produced + 2 * ring->size - consumed) % (2 * ring->size);
    return used <= ring->size && ring->size - used >= bytes + RECORD_MAX;
}

static void put_word(struct trace_ring *ring, uint32_t word)
{
    uint32_t *data = (uint32_t *)(ring->shared + 1);

    data[ring->produced % ring->size / WORD] = word;
    ring->produced = (ring->produced + WORD) % (2 * ring->size);
}

static void put_head(struct trace_ring *ring, uint32_t event, bool timed, unsigned count)
{
    put_word(ring, event | (uint32_t)count << TRACE_EXTRA_SHIFT |
                       (timed ? (uint32_t)TRC_HD_CYCLE_FLAG : 0));
}

/* No record lies across the ring's end: one that says so fills what is left. */
static void put_wrap(struct trace_ring *ring, uint32_t bytes)
{
    uint32_t left = ring->size - ring->produced % ring->size;

    if (left >= bytes)
        return;
    unsigned words = left / WORD - 1;
    bool timed = words >= TSC_WORDS;
    put_head(ring, TRC_TRACE_WRAP_BUFFER, timed, timed ? words - TSC_WORDS : words);
    while (words--)
        put_word(ring, 0);
}

static void put_record(struct trace_ring *ring, uint32_t event, uint64_t tsc, const uint32_t *words,
                       unsigned count)
{
    put_wrap(ring, record_bytes(count));
    put_head(ring, event, true, count);
    put_word(ring, (uint32_t)tsc);
    put_word(ring, (uint32_t)(tsc >> 32));
    for (unsigned i = 0; i < count; i++)
        put_word(ring, words[i]);
}

void trace_ring_put(struct trace_ring *ring, uint32_t event, uint64_t tsc, const uint32_t *words,
                    unsigned count)
{
    const uint32_t lost[LOST_WORDS] = {ring->lost, 0, (uint32_t)ring->lost_first,
                                       (uint32_t)(ring->lost_first >> 32)};

    if (!has_room(ring, record_bytes(count) + (ring->lost ? record_bytes(LOST_WORDS) : 0))) {
        if (!ring->lost++)
            ring->lost_first = tsc;
        return;
    }
    if (ring->lost)
        put_record(ring, TRC_LOST_RECORDS, tsc, lost, LOST_WORDS);
    ring->lost = 0;
    put_record(ring, event, tsc, words, count);
    __atomic_store_n(&ring->shared->prod, ring->produced, __ATOMIC_RELEASE);
}
