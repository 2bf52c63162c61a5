/* SPDX-License-Identifier: MIT */
/*
 * Page tables: every virtual CPU maps the pool's pages anywhere, writable or not, writes into them,
 * makes tables of all levels of them and no tables again.
 *
 * The isolation that must hold is seen by watched pages, one for each virtual CPU. Others map it,
 * writable if they can, and write MARKER, which no table may hold, wherever they find it. While
 * its owner has it as a table it must stay free of that; nor may somebody write it then who only
 * remembers, in the TLB, a mapping that is gone.
 */
#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/smp.h"
#include "pvguest/kernel/table.h"
#include "pvguest/stress/stress.h"

/* Present, and a frame that no machine of ours has. */
#define MARKER (PTE_PRESENT | PTE_WRITABLE | 0x000ffffffff00000UL)
/* What may stand in a table: it is not present. */
#define REMNANT      0x52454d4e414e5400UL
#define REMNANT_WORD 5

#define BATCH   16
#define LOOKS   (2 * TABLE_ENTRIES)
#define TARGETS (POOL_PAGES + STRESS_VCPUS)

uint64_t *pool[POOL_PAGES];
static uint64_t *watched[STRESS_VCPUS];
static char *window;
static uint64_t window_entry; /* machine address of the first one's */

void tables_start(void)
{
    for (unsigned int i = 0; i < POOL_PAGES; i++)
        pool[i] = page_allocate(0);
    for (unsigned int i = 0; i < STRESS_VCPUS; i++)
        watched[i] = page_allocate(0);
    /* All entries in one table: their machine addresses follow each other. */
    window = window_reserve(2 * TABLE_ENTRIES);
    window = (char *)(((uint64_t)window + (PAGE_SIZE * TABLE_ENTRIES) - 1) &
                      ~(PAGE_SIZE * TABLE_ENTRIES - 1));
    if (!pool[POOL_PAGES - 1] || !watched[STRESS_VCPUS - 1] ||
        table_entry_address((uint64_t)window, true, &window_entry))
        panic("stress: no memory");
}

static uint64_t *target(uint64_t number)
{
    return number < POOL_PAGES ? pool[number] : watched[number - POOL_PAGES];
}

/* Nothing, or a page of the pool or a watched one, to read or to write. */
static uint64_t random_entry(struct worker *worker)
{
    static const uint64_t flags[] = {PTE_DATA, PTE_DATA & ~(PTE_WRITABLE | PTE_DIRTY)};
    uint64_t which = random_below(worker, 3 * TARGETS);

    if (which >= TARGETS)
        return 0; /* mostly, so that pages get free to become tables */
    return page_mfn(target(which)) << PAGE_SHIFT | flags[random_below(worker, 2)];
}

static char *random_place(struct worker *worker)
{
    return window + random_below(worker, WINDOW_PAGES) * PAGE_SIZE;
}

static void update_one(struct worker *worker)
{
    static const unsigned long flushes[] = {UVMF_INVLPG | UVMF_ALL, UVMF_TLB_FLUSH | UVMF_ALL,
                                            UVMF_INVLPG, 0};
    char *place = random_place(worker);

    stress_count(UPDATES, !hypercall_update_va_mapping((uint64_t)place, random_entry(worker),
                                                       flushes[random_below(worker, 4)]));
}

/* Entries of the window, and of pages that may be tables at this moment. */
static void update_many(struct worker *worker)
{
    struct mmu_update updates[BATCH];
    unsigned int done = 0;

    for (unsigned int i = 0; i < BATCH; i++) {
        uint64_t address = window_entry + random_below(worker, WINDOW_PAGES) * sizeof(uint64_t);

        if (i % 4 == 0)
            address = (page_mfn(pool[random_below(worker, POOL_PAGES)]) << PAGE_SHIFT) +
                      random_below(worker, TABLE_ENTRIES) * sizeof(uint64_t);
        updates[i].ptr = address | MMU_NORMAL_PT_UPDATE;
        updates[i].val = random_entry(worker);
    }
    hypercall_mmu_update(updates, BATCH, &done, DOMID_SELF);
    stress_count(UPDATES, done == BATCH);
}

/* Through whatever is mapped there: a page's own words, or those of a table, by emulation. */
static void write_somewhere(struct worker *worker)
{
    uint64_t *word = (uint64_t *)random_place(worker) + random_below(worker, TABLE_ENTRIES);

    stress_count(EMULATED,
                 !fault_try_write(word, random_below(worker, 2) ? MARKER : random_entry(worker)));
}

/* Entries that a table of the level may have, so that some are accepted. */
static void page_fill(struct worker *worker, uint64_t *page, unsigned int level)
{
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t entry = 0;

        if (level == 1 && i % 64 == 0)
            entry = random_entry(worker);
        if (level > 1 && i == 0)
            entry = page_mfn(pool[random_below(worker, POOL_PAGES)]) << PAGE_SHIFT | PTE_TABLE;
        if (page[i] != entry && fault_try_write(&page[i], entry))
            return;
    }
}

static int page_pin(const uint64_t *page, unsigned int level)
{
    static const unsigned int commands[] = {MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
                                            MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE};
    struct mmuext_op pin = {.cmd = commands[level - 1], .arg1.mfn = page_mfn(page)};

    return hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
}

static int page_unpin(const uint64_t *page)
{
    struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = page_mfn(page)};

    return hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
}

static void change_type(struct worker *worker)
{
    uint64_t *page = pool[random_below(worker, POOL_PAGES)];
    unsigned int level = 1 + (unsigned int)random_below(worker, 4);

    switch (random_below(worker, 4)) {
    case 0:
        page_fill(worker, page, level);
        break;
    case 1:
        table_protect(page);
        stress_count(PINS, !page_pin(page, level));
        break;
    case 2:
        stress_count(PINS, !page_unpin(page));
        break;
    default:
        table_unprotect(page);
    }
}

void tables_step(struct worker *worker)
{
    switch (random_below(worker, 8)) {
    case 0:
    case 1:
        update_one(worker);
        break;
    case 2:
        update_many(worker);
        break;
    case 3:
    case 4:
        write_somewhere(worker);
        break;
    default:
        change_type(worker);
    }
}

static void assert_clean(const uint64_t *page)
{
    for (unsigned int look = 0; look < LOOKS; look++)
        if (READ_ONCE(page[look % TABLE_ENTRIES]) == MARKER)
            stress_failed("a page table was written by no way that leads there", look);
}

/* Of a mapping that is gone, at an address that only these two use. */
struct remnant {
    uint64_t *word;
    uint64_t entry;
    bool written;
};

static uint64_t *remnant_place(unsigned int owner, unsigned int other)
{
    char *page = window + (WINDOW_PAGES + owner * STRESS_VCPUS + other) * PAGE_SIZE;

    return (uint64_t *)page + REMNANT_WORD;
}

/* Use a mapping and take it away without a flush; as yet the page is plain memory. */
static void remember(void *argument)
{
    struct remnant *remnant = argument;

    if (hypercall_update_va_mapping((uint64_t)remnant->word, remnant->entry, UVMF_INVLPG))
        return;
    remnant->written = !fault_try_write(remnant->word, REMNANT);
    if (hypercall_update_va_mapping((uint64_t)remnant->word, 0, 0))
        stress_failed("a mapping was not removed", remnant->entry);
}

static void write_remembered(void *argument)
{
    struct remnant *remnant = argument;

    remnant->written = !fault_try_write(remnant->word, REMNANT);
}

/*
 * While our page is a table nobody may write it but by an update that is looked at. Others may hang
 * it into a table of theirs; then it stays one until they change that.
 */
void watched_step(struct worker *worker)
{
    unsigned int other = (unsigned int)random_below(worker, STRESS_VCPUS);
    uint64_t *page = watched[worker->vcpu];
    struct remnant remnant = {
        .word = remnant_place(worker->vcpu, other),
        .entry = page_mfn(page) << PAGE_SHIFT | PTE_DATA,
    };
    bool pinned;

    if (table_unprotect(page)) {
        stress_count(WATCHES, false);
        return;
    }
    memset(page, 0, PAGE_SIZE);
    /* Others never saw it here. So only the hypervisor flushes what they remember of it. */
    hypercall_update_va_mapping(
        (uint64_t)page, page_mfn(page) << PAGE_SHIFT | PTE_PRESENT | PTE_NO_EXECUTE, UVMF_INVLPG);
    smp_call(other, remember, &remnant);
    stress_count(REMNANTS, remnant.written);
    pinned = !page_pin(page, 1);
    stress_count(WATCHES, pinned);
    if (!pinned)
        return;
    smp_call(other, write_remembered, &remnant);
    if (remnant.written)
        stress_failed("a page table was written through a mapping that is gone", other);
    assert_clean(page);
    if (page_unpin(page))
        stress_failed("a pinned table was not pinned", 0);
}

struct look {
    const uint64_t *address;
    uint64_t value;
};

static void look(void *argument)
{
    struct look *look = argument;

    look->value = READ_ONCE(*look->address);
}

/* What we map where only we map is what everybody sees there, at once. */
void private_step(struct worker *worker)
{
    uint64_t *page = worker->private[random_below(worker, 2)];
    struct look seen = {.address = (const uint64_t *)worker->window};
    unsigned int other = (unsigned int)random_below(worker, STRESS_VCPUS);

    page[1] = random_next(worker);
    if (table_map_own((uint64_t)worker->window, page_mfn(page) << PAGE_SHIFT | PTE_DATA))
        stress_failed("an own page was not mapped", page_mfn(page));
    if (((uint64_t *)worker->window)[0] != page[0] || ((uint64_t *)worker->window)[1] != page[1])
        stress_failed("another page than the one mapped", ((uint64_t *)worker->window)[0]);
    if (smp_call(other, look, &seen) || seen.value != page[0])
        stress_failed("another virtual CPU sees another page", seen.value);
    stress_count(FLUSHES, true);
}

/* Whatever they are, they become ordinary pages again: unpinned until nobody refers to them. */
void tables_end(void)
{
    for (unsigned int i = 0; i < WINDOW_PAGES; i++)
        if (table_map_own((uint64_t)window + i * PAGE_SIZE, 0))
            stress_failed("a mapping was not removed", i);
    for (unsigned int i = 0; i < POOL_PAGES; i++)
        page_unpin(pool[i]);
    for (unsigned int i = 0; i < TARGETS; i++)
        if (table_unprotect(target(i)))
            stress_failed("a page did not become writable again", i);
}
