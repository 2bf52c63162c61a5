/* SPDX-License-Identifier: MIT */
#include <xen/errno.h>

#include "drivers/console/front.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "pvguest/demo/network.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/network/stack.h"
#include "pvguest/network/stream.h"

#define SECOND_NS   1000000000ULL
#define PATIENCE_NS (30 * SECOND_NS)
#define CHUNK_SIZE  32768
#define WORDS       (CHUNK_SIZE / sizeof(uint64_t))
#define MEBIBYTE    (1ULL << 20)
#define HEAD_SIZE   2048
#define ANSWER_SIZE 128
#define HTTP_PORT   80

#define say console_front_print

static uint64_t patience(void)
{
    return clock_monotonic_ns() + PATIENCE_NS;
}

static void say_rate(const char *what, uint64_t size, uint64_t started_ns)
{
    uint64_t took = clock_monotonic_ns() - started_ns;

    say("%s %llu bytes in %llu ms, %llu KiB/s\n", what, (unsigned long long)size,
        (unsigned long long)(took / 1000000),
        (unsigned long long)(took > 0 ? size * (SECOND_NS / 1024) / took : 0));
}

/* --- the sink and who sends to it --- */

static int sink_answer(struct stream *stream, struct sha256 *sha256)
{
    char answer[ANSWER_SIZE], digest[SHA256_TEXT_SIZE];
    uint64_t size = sha256->size;
    int length;

    sha256_finish_text(sha256, digest);
    length = format_text(answer, sizeof(answer), "%llu %s\n", (unsigned long long)size, digest);
    return stream_write(stream, answer, (size_t)length, patience());
}

void demo_sink_serve(void *argument)
{
    struct stream_listener *listener = argument;
    char *chunk = heap_allocate(CHUNK_SIZE);

    while (chunk != NULL) {
        struct stream *stream = stream_accept(listener);
        struct sha256 sha256;
        long size;

        sha256_start(&sha256);
        while ((size = stream_read(stream, chunk, CHUNK_SIZE, patience())) > 0)
            sha256_add(&sha256, chunk, (size_t)size);
        if (size == 0)
            (void)sink_answer(stream, &sha256);
        stream_close(stream);
    }
}

/* Different in every word, so that a lost, doubled or exchanged part shows. */
static void fill(uint64_t *words, uint64_t seed, uint64_t at)
{
    for (uint64_t i = 0; i < WORDS; i++) {
        uint64_t word = (seed + at * WORDS + i) * 0x9e3779b97f4a7c15ULL;

        words[i] = word ^ word >> 32;
    }
}

static int send_all(struct stream *stream, uint64_t size, uint64_t seed, struct sha256 *sha256)
{
    uint64_t *words = heap_allocate(CHUNK_SIZE);
    int error = words != NULL ? 0 : -XEN_ENOMEM;

    for (uint64_t at = 0; at < size / CHUNK_SIZE && error == 0; at++) {
        fill(words, seed, at);
        sha256_add(sha256, words, CHUNK_SIZE);
        error = stream_write(stream, words, CHUNK_SIZE, patience());
    }
    heap_free(words);
    return error == 0 ? stream_finish(stream) : error;
}

/* The sink's line must be the one that we would have written. */
static int compare_answer(struct stream *stream, struct sha256 *sha256)
{
    char expected[ANSWER_SIZE], got[ANSWER_SIZE], digest[SHA256_TEXT_SIZE];
    uint64_t sent = sha256->size;
    size_t used = 0;
    long size;

    while (used + 1 < sizeof(got) &&
           (size = stream_read(stream, got + used, sizeof(got) - 1 - used, patience())) > 0)
        used += (size_t)size;
    got[used] = '\0';
    sha256_finish_text(sha256, digest);
    format_text(expected, sizeof(expected), "%llu %s\n", (unsigned long long)sent, digest);
    say("sha256 %s\n", digest);
    return strcmp(got, expected) == 0 ? 0 : -XEN_EIO;
}

void demo_send(unsigned int count, char **words)
{
    uint64_t size = demo_number(count, words, 2, 1) * MEBIBYTE, started = clock_monotonic_ns();
    struct sha256 sha256;
    struct stream *stream;
    ip4_addr_t address;
    int error;

    if (!demo_address(count, words, 2, "ADDRESS [MIB [SEED]]", &address))
        return;
    error = stream_connect(&address, SINK_PORT, patience(), &stream);
    if (error == 0) {
        sha256_start(&sha256);
        error = send_all(stream, size, demo_number(count, words, 3, 1), &sha256);
        if (error == 0)
            error = compare_answer(stream, &sha256);
        stream_close(stream);
    }
    if (error == 0)
        say_rate("sent and acknowledged as the same:", size, started);
    else
        say("send: failed with error %d\n", error);
}

/* --- HTTP --- */

/* The answer's head, and what came of the body with it: its size, or an errno. */
static long read_head(struct stream *stream, char *head, char **body)
{
    size_t used = 0;
    char *end;

    head[0] = '\0';
    while ((end = strstr(head, "\r\n\r\n")) == NULL) {
        long size = stream_read(stream, head + used, HEAD_SIZE - 1 - used, patience());

        if (size < 0)
            return size;
        if (size == 0 || used + 1 == HEAD_SIZE)
            return -XEN_EINVAL;
        used += (size_t)size;
        head[used] = '\0';
    }
    *body = end + 4;
    return (long)(used - (size_t)(*body - head));
}

static int fetch(struct stream *stream, const char *host, const char *path, struct sha256 *sha256)
{
    char *buffer = heap_allocate(CHUNK_SIZE), *body = NULL;
    long size;
    int length, error;

    if (buffer == NULL)
        return -XEN_ENOMEM;
    length = format_text(buffer, HEAD_SIZE, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
    error = stream_write(stream, buffer, (size_t)length, patience());
    size = error == 0 ? read_head(stream, buffer, &body) : error;
    if (size >= 0) {
        /* The status is the line's second word. */
        if (strstr(buffer, " 200 ") != strchr(buffer, ' '))
            size = -XEN_ENOENT;
        else
            sha256_add(sha256, body, (size_t)size);
    }
    while (size >= 0 && (size = stream_read(stream, buffer, CHUNK_SIZE, patience())) > 0)
        sha256_add(sha256, buffer, (size_t)size);
    heap_free(buffer);
    return (int)size;
}

void demo_fetch(unsigned int count, char **words)
{
    uint64_t port = demo_number(count, words, 2, HTTP_PORT), started = clock_monotonic_ns();
    char digest[SHA256_TEXT_SIZE];
    struct sha256 sha256;
    struct stream *stream;
    ip4_addr_t address;
    int error;

    if (!demo_address(count, words, 4, "ADDRESS PORT PATH", &address))
        return;
    error = stream_connect(&address, (uint16_t)port, patience(), &stream);
    if (error == 0) {
        sha256_start(&sha256);
        error = fetch(stream, words[1], words[3], &sha256);
        stream_close(stream);
    }
    if (error != 0) {
        say("fetch: failed with error %d\n", error);
        return;
    }
    say_rate("fetched", sha256.size, started);
    sha256_finish_text(&sha256, digest);
    say("sha256 %s\n", digest);
}
