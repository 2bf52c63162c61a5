/* SPDX-License-Identifier: MIT */
/*
 * Reads through the rings of a block device, whose every page of 4 KiB begins with its number: what
 * was read is looked at.
 */
#include "drivers/block/front.h"
#include "drivers/bus/front.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/page.h"

#define DEPTH            32
#define SECTOR_SIZE      512
#define SECTORS_OF_PAGE  (PAGE_SIZE / SECTOR_SIZE)
#define BUFFER_ORDER     4 /* enough for a request of the largest size */
#define MEBIBYTE_SECTORS (1048576 / SECTOR_SIZE)
#define PATIENCE_NS      5000000000UL

static struct block_front *disk;
static struct block_request requests[DEPTH];
static unsigned int right;
static uint64_t random_state;

static void disk_found(unsigned int id, void *argument)
{
    (void)argument;
    if (!disk && block_front_start(id, &disk))
        disk = NULL;
}

static bool disk_prepare(void)
{
    random_state = 1;
    if (disk)
        return true;
    if (bus_front_list("vbd", disk_found, NULL) || !disk ||
        !block_front_wait(disk, clock_monotonic_ns() + PATIENCE_NS))
        return false;
    for (unsigned int i = 0; i < DEPTH; i++) {
        requests[i].buffer = page_allocate(BUFFER_ORDER);
        if (!requests[i].buffer)
            return false;
    }
    return block_front_properties(disk)->sectors >= MEBIBYTE_SECTORS;
}

static uint64_t random_page(void)
{
    uint64_t pages = block_front_properties(disk)->sectors / SECTORS_OF_PAGE;

    random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
    return (random_state >> 33) % pages;
}

static bool read_begin(struct block_request *request, uint64_t sector, unsigned int count)
{
    request->operation = BLOCK_READ;
    request->sector = sector;
    request->count = count;
    return !block_front_submit(disk, request);
}

/* Done, and each page is the one that was asked for. */
static bool read_end(struct block_request *request)
{
    const uint64_t *words = request->buffer;

    if (block_front_finish(disk, request))
        return false;
    for (unsigned int i = 0; i < request->count / SECTORS_OF_PAGE; i++)
        if (words[i * (PAGE_SIZE / sizeof(*words))] != request->sector / SECTORS_OF_PAGE + i)
            return false;
    return true;
}

/* `depth` reads of a page under way at a time, at random places. */
static void read_random(unsigned int count, unsigned int depth)
{
    right = 0;
    for (unsigned int i = 0; i < count + depth; i++) {
        struct block_request *request = &requests[i % depth];
        if (i >= depth)
            right += read_end(request);
        if (i < count && !read_begin(request, random_page() * SECTORS_OF_PAGE, SECTORS_OF_PAGE))
            return;
    }
}

static void read_one_by_one(unsigned int count)
{
    read_random(count, 1);
}

static void read_deep(unsigned int count)
{
    read_random(count, DEPTH);
}

/* A mebibyte in requests as large as there are, all under way together. */
static bool read_mebibyte(uint64_t first)
{
    unsigned int begun = 0, good = 0;

    for (uint64_t done = 0; done < MEBIBYTE_SECTORS; begun++) {
        uint64_t left = MEBIBYTE_SECTORS - done;
        unsigned int part =
            left < BLOCK_FRONT_SECTORS_MAX ? (unsigned int)left : BLOCK_FRONT_SECTORS_MAX;
        if (begun == DEPTH || !read_begin(&requests[begun], first + done, part))
            return false;
        done += part;
    }
    for (unsigned int i = 0; i < begun; i++)
        good += read_end(&requests[i]);
    return good == begun;
}

static void read_sequential(unsigned int count)
{
    uint64_t mebibytes = block_front_properties(disk)->sectors / MEBIBYTE_SECTORS;

    right = 0;
    for (unsigned int i = 0; i < count; i++)
        right += read_mebibyte(i % mebibytes * MEBIBYTE_SECTORS);
}

static bool all_right(unsigned int count)
{
    return right == count;
}

const struct row block_rows[] = {
    {"block_read_4k_depth_1", 1000, disk_prepare, read_one_by_one, all_right, NULL},
    {"block_read_4k_depth_32", 2000, disk_prepare, read_deep, all_right, NULL},
    {"block_read_1m_sequential", 32, disk_prepare, read_sequential, all_right, NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
