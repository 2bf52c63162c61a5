/* SPDX-License-Identifier: MIT */
#include <xen/errno.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/demo/network.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/network/stack.h"
#include "pvguest/network/stream.h"

#define SECOND_NS    1000000000ULL
#define PATIENCE_NS  (10 * SECOND_NS)
#define REQUEST_SIZE 2048
#define PAGE_TEXT    6144

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em;"
    "color:#223;background:#f6f5f0}h1{font-weight:600;color:#2d5b34}table{border-collapse:"
    "collapse;width:100%%}th{text-align:left;font-weight:500;color:#667}td{text-align:right;"
    "font-variant-numeric:tabular-nums}th,td{padding:.35em .2em;border-bottom:1px solid #ddd}"
    "footer{margin-top:2em;color:#889;font-size:.85em}";

struct text {
    char *data;
    size_t size, used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What does not fit is cut off. */
static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = format_text_va(text->data + text->used, text->size - text->used, format, arguments);
    va_end(arguments);
    text->used += (size_t)length;
    if (text->used >= text->size)
        text->used = text->size - 1;
}

/* A name that somebody else chose must not become markup. */
static void add_escaped(struct text *text, const char *words)
{
    for (; *words != '\0'; words++) {
        if (*words == '<' || *words == '>' || *words == '&' || *words == '"')
            add(text, "&#%d;", *words);
        else
            add(text, "%c", *words);
    }
}

static void add_row(struct text *text, const char *what, uint64_t value, const char *unit)
{
    add(text, "<tr><th>%s</th><td>%llu%s</td></tr>\n", what, (unsigned long long)value, unit);
}

static void add_memory(struct text *text)
{
    add_row(text, "Memory", start_info->nr_pages * (PAGE_SIZE / 1024), " KiB");
    add_row(text, "Memory free", page_free_count() * (PAGE_SIZE / 1024), " KiB");
}

static void add_network(struct text *text, const struct network_front *network)
{
    const struct network_counters *counters = network_front_counters(network);

    add_row(text, "Packets received", counters->received, "");
    add_row(text, "Bytes received", counters->received_bytes, "");
    add_row(text, "Packets sent", counters->sent, "");
    add_row(text, "Bytes sent", counters->sent_bytes, "");
}

static void add_disk(struct text *text, const struct block_front *disk)
{
    const struct block_counters *counters = block_front_counters(disk);

    add_row(text, "Disk reads", counters->reads, "");
    add_row(text, "Sectors read", counters->sectors_read, "");
    add_row(text, "Disk writes", counters->writes, "");
    add_row(text, "Sectors written", counters->sectors_written, "");
}

static void write_page(struct text *text, struct demo_page *page)
{
    uint64_t up = (clock_monotonic_ns() - page->started_ns) / SECOND_NS;
    struct network_status status;

    network_status(&status);
    add(text, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
              "<meta http-equiv=\"refresh\" content=\"3\"><title>");
    add_escaped(text, page->name);
    add(text, "</title><style>");
    add(text, style);
    add(text, "</style></head>\n<body><h1>");
    add_escaped(text, page->name);
    add(text, "</h1>\n<p>A guest of Bonsai, and what it has been doing.</p>\n<table>\n");
    add_row(text, "Domain", page->domain, "");
    add(text, "<tr><th>Up</th><td>%llu:%02u:%02u</td></tr>\n", (unsigned long long)(up / 3600),
        (unsigned int)(up / 60 % 60), (unsigned int)(up % 60));
    add(text, "<tr><th>Address</th><td>%u.%u.%u.%u</td></tr>\n", ip4_addr1(&status.address),
        ip4_addr2(&status.address), ip4_addr3(&status.address), ip4_addr4(&status.address));
    add_memory(text);
    add_network(text, page->network);
    if (page->disk != NULL)
        add_disk(text, page->disk);
    add_row(text, "Views of this page", ++page->views, "");
    add(text, "</table>\n<footer>Refreshes every three seconds.</footer></body></html>\n");
}

/* The request's head, as far as it fits; false when none came. */
static bool read_request(struct stream *stream, char *request)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;
    size_t used = 0;

    request[0] = '\0';
    while (strstr(request, "\r\n\r\n") == NULL && used + 1 < REQUEST_SIZE) {
        long size = stream_read(stream, request + used, REQUEST_SIZE - 1 - used, deadline);

        if (size <= 0)
            return false;
        used += (size_t)size;
        request[used] = '\0';
    }
    return true;
}

static int answer(struct stream *stream, const char *status, const char *type, const char *body,
                  size_t size, bool with_body)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;
    char head[256];
    int length = format_text(head, sizeof(head),
                             "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                             "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                             status, type, size);
    int error = stream_write(stream, head, (size_t)length, deadline);

    if (error == 0 && with_body)
        error = stream_write(stream, body, size, deadline);
    return error == 0 ? stream_finish(stream) : error;
}

static int answer_refusal(struct stream *stream, const char *status)
{
    return answer(stream, status, "text/plain", status, strlen(status), true);
}

static int answer_request(struct stream *stream, const char *request, struct demo_page *page)
{
    bool head_only = text_starts_with(request, "HEAD ");
    struct text text = {.size = PAGE_TEXT};
    const char *path;
    int error;

    if (!head_only && !text_starts_with(request, "GET "))
        return answer_refusal(stream, "405 Method Not Allowed");
    path = strchr(request, ' ') + 1;
    if (!text_starts_with(path, "/ ") && !text_starts_with(path, "/index.html "))
        return answer_refusal(stream, "404 Not Found");
    text.data = heap_allocate(text.size);
    if (text.data == NULL)
        return answer_refusal(stream, "503 Service Unavailable");
    write_page(&text, page);
    error = answer(stream, "200 OK", "text/html; charset=utf-8", text.data, text.used, !head_only);
    heap_free(text.data);
    return error;
}

/* Wait for the other side's end, so that closing does not reset what is still on its way. */
static void linger(struct stream *stream, char *buffer)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;

    while (stream_read(stream, buffer, REQUEST_SIZE, deadline) > 0)
        ;
}

void demo_web_serve(void *argument)
{
    struct demo_page *page = argument;

    for (;;) {
        char request[REQUEST_SIZE];
        struct stream *stream = stream_accept(page->listener);

        if (read_request(stream, request) && answer_request(stream, request, page) == 0)
            linger(stream, request);
        stream_close(stream);
    }
}
