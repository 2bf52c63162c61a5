/* SPDX-License-Identifier: MIT */
/*
 * The grant_table_op hypercall: a table of sub-operations, each applied to every element of an
 * array. An element's result is its status; the call fails only when the array cannot be read or
 * written.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/grant_copy.h"
#include "hypervisor/memory/grant_map.h"
#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

#define CACHE_LINE 64
/* The one version that there is. */
#define GRANT_VERSION 1
/* Of the longest element that is read and written by words. */
#define GRANT_WORDS_MAX 5

union grant_argument {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_unmap_and_replace replace;
    struct gnttab_setup_table setup;
    struct gnttab_transfer transfer;
    struct gnttab_copy copy;
    struct gnttab_query_size query;
    struct gnttab_set_version set_version;
    struct gnttab_get_version get_version;
    struct gnttab_swap_grant_ref swap;
    struct gnttab_cache_flush flush;
};

static int op_map(union grant_argument *argument)
{
    grant_map(current_domain(), &argument->map);
    return 0;
}

static int op_unmap(union grant_argument *argument)
{
    grant_unmap(current_domain(), &argument->unmap);
    return 0;
}

static int op_replace(union grant_argument *argument)
{
    grant_unmap_and_replace(current_domain(), &argument->replace);
    return 0;
}

static int op_copy(union grant_argument *argument)
{
    grant_copy(current_domain(), &argument->copy);
    return 0;
}

/* Giving pages away is not offered; the status says so page by page. */
static int op_transfer(union grant_argument *argument)
{
    argument->transfer.status = GNTST_general_error;
    return 0;
}

static struct domain *domain_named(domid_t id, int16_t *status)
{
    int error = 0;
    struct domain *domain = domain_get_for(id, &error);

    if (!domain)
        *status = error == -XEN_EPERM ? GNTST_permission_denied : GNTST_bad_domain;
    return domain;
}

static int16_t setup(struct domain *domain, const struct gnttab_setup_table *operation)
{
    guest_ptr_t list = guest_ptr_of_handle(operation->frame_list);

    if (operation->nr_frames > GRANT_FRAMES_MAX || grant_table_grow(domain, operation->nr_frames))
        return GNTST_general_error;
    for (uint32_t i = 0; i < operation->nr_frames; i++) {
        mfn_t frame;
        xen_pfn_t number;
        if (grant_table_frame(domain, i, &frame))
            return GNTST_general_error;
        number = frame.value;
        if (copy_to_guest(guest_ptr_at(list, i, sizeof(number)), &number, sizeof(number)))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static int op_setup(union grant_argument *argument)
{
    struct domain *domain = domain_named(argument->setup.dom, &argument->setup.status);

    if (!domain)
        return 0;
    argument->setup.status = setup(domain, &argument->setup);
    domain_put(domain);
    return 0;
}

static int op_query(union grant_argument *argument)
{
    struct domain *domain = domain_named(argument->query.dom, &argument->query.status);

    if (!domain)
        return 0;
    argument->query.nr_frames = domain->grants->frame_count;
    argument->query.max_nr_frames = domain->grants->frame_limit;
    argument->query.status = GNTST_okay;
    domain_put(domain);
    return 0;
}

static int op_set_version(union grant_argument *argument)
{
    uint32_t wanted = argument->set_version.version;

    argument->set_version.version = GRANT_VERSION;
    if (wanted == GRANT_VERSION)
        return 0;
    return wanted == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
}

static int op_get_version(union grant_argument *argument)
{
    int error;
    struct domain *domain = domain_get_for(argument->get_version.dom, &error);

    if (!domain)
        return error;
    argument->get_version.version = GRANT_VERSION;
    domain_put(domain);
    return 0;
}

static int16_t swap_locked(struct grant_table *table, grant_ref_t left, grant_ref_t right)
{
    struct grant_entry_v1 *left_entry = grant_entry_at(table, left);
    struct grant_entry_v1 *right_entry = grant_entry_at(table, right);

    if (!left_entry || !right_entry)
        return GNTST_bad_gntref;
    if (left == right)
        return GNTST_okay;
    if (grant_pins(grant_active_at(table, left)) || grant_pins(grant_active_at(table, right)))
        return GNTST_eagain;
    struct grant_entry_v1 saved = *left_entry;
    *left_entry = *right_entry;
    *right_entry = saved;
    return GNTST_okay;
}

static int op_swap(union grant_argument *argument)
{
    struct grant_table *table = current_domain()->grants;

    spin_lock(&table->lock);
    argument->swap.status = swap_locked(table, argument->swap.ref_a, argument->swap.ref_b);
    spin_unlock(&table->lock);
    return 0;
}

static void cache_lines_flush(const char *address, uint32_t length)
{
    for (uint32_t i = 0; i < length; i += CACHE_LINE)
        asm volatile("clflush (%0)" : : "r"(address + i) : "memory");
    if (length)
        asm volatile("clflush (%0)" : : "r"(address + length - 1) : "memory");
}

/* Of the caller's own frames, by machine address. */
static int op_cache_flush(union grant_argument *argument)
{
    const struct gnttab_cache_flush *flush = &argument->flush;
    mfn_t number = mfn(flush->a.dev_bus_addr >> PAGE_SHIFT);

    if (flush->op & GNTTAB_CACHE_SOURCE_GREF)
        return -XEN_EOPNOTSUPP;
    if ((uint32_t)flush->offset + flush->length > PAGE_SIZE ||
        (flush->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)))
        return -XEN_EINVAL;
    if (!flush->length || !flush->op)
        return 0;
    struct frame *frame = frame_get_by_mfn(number, current_domain());
    if (!frame)
        return -XEN_EPERM;
    cache_lines_flush((const char *)mfn_to_virtual(number) + flush->offset, flush->length);
    frame_put(frame);
    return 0;
}

struct grant_operation {
    int (*handler)(union grant_argument *argument);
    uint8_t size;
    bool single; /* takes exactly one element */
};

/* Mappings and copies have a way of their own; GNTTABOP_dump_table and get_status_frames (version
 * 2) are not offered. */
static const struct grant_operation operations[] = {
    [GNTTABOP_setup_table] = {op_setup, sizeof(struct gnttab_setup_table), true},
    [GNTTABOP_transfer] = {op_transfer, sizeof(struct gnttab_transfer), false},
    [GNTTABOP_query_size] = {op_query, sizeof(struct gnttab_query_size), true},
    [GNTTABOP_unmap_and_replace] = {op_replace, sizeof(struct gnttab_unmap_and_replace), false},
    [GNTTABOP_set_version] = {op_set_version, sizeof(struct gnttab_set_version), true},
    [GNTTABOP_get_version] = {op_get_version, sizeof(struct gnttab_get_version), true},
    [GNTTABOP_swap_grant_ref] = {op_swap, sizeof(struct gnttab_swap_grant_ref), false},
    [GNTTABOP_cache_flush] = {op_cache_flush, sizeof(struct gnttab_cache_flush), false},
};

/* The element is written back before the operation as well: what cannot take a result fails first.
 */
static long element_apply(const struct grant_operation *operation, guest_ptr_t element)
{
    union grant_argument copy = {0};

    if (copy_from_guest(&copy, element, operation->size) ||
        copy_to_guest(element, &copy, operation->size))
        return -XEN_EFAULT;
    long status = operation->handler(&copy);
    if (copy_to_guest(element, &copy, operation->size))
        return -XEN_EFAULT;
    return status;
}

static __attribute__((noinline)) long elements_apply(uint32_t command, guest_ptr_t list,
                                                     uint32_t count)
{
    const struct grant_operation *operation = &operations[command];
    long status = 0;

    if (operation->single && count != 1)
        return -XEN_EINVAL;
    if (!guest_array_ok(list, count, operation->size))
        return -XEN_EFAULT;
    for (uint32_t i = 0; i < count && !status; i++) {
        status = element_apply(operation, guest_ptr_at(list, i, operation->size));
        rest_point();
    }
    return status;
}

/*
 * The three that drivers live on, whose elements are a few words, of which those from `results` on
 * are written: the same as elements_apply(), inline for each.
 */
static inline __attribute__((always_inline)) long
words_apply(guest_ptr_t list, uint32_t count, int (*handler)(union grant_argument *),
            unsigned words, unsigned results)
{
    union {
        union grant_argument argument;
        uint64_t words[GRANT_WORDS_MAX];
    } copy;

    if (!guest_array_ok(list, count, words * sizeof(uint64_t)))
        return -XEN_EFAULT;
    while (count-- > 0) {
        guest_ptr_t result = guest_ptr_at(list, results, sizeof(uint64_t));
        if (words_from_guest(copy.words, list, words) ||
            words_to_guest(result, copy.words + results, words - results))
            return -XEN_EFAULT;
        handler(&copy.argument);
        if (words_to_guest(result, copy.words + results, words - results))
            return -XEN_EFAULT;
        if (!count)
            break;
        list = guest_ptr_at(list, words, sizeof(uint64_t));
        rest_point();
    }
    return 0;
}

#define WORDS(type)             (sizeof(struct type) / sizeof(uint64_t))
#define WORD_OF(type, member)   (offsetof(struct type, member) / sizeof(uint64_t))
#define APPLY(type, result, op) words_apply(list, count, op, WORDS(type), WORD_OF(type, result))

_Static_assert(WORDS(gnttab_map_grant_ref) - WORD_OF(gnttab_map_grant_ref, status) == 2,
               "words_to_guest() writes no more");
_Static_assert(WORDS(gnttab_copy) <= GRANT_WORDS_MAX &&
                   WORDS(gnttab_map_grant_ref) <= GRANT_WORDS_MAX,
               "");

long do_grant_table_op(uint32_t command, unsigned long address, uint32_t count)
{
    guest_ptr_t list = guest_ptr(address);

    if ((int32_t)count < 0)
        return -XEN_EINVAL;
    switch (command) {
    case GNTTABOP_map_grant_ref:
        return APPLY(gnttab_map_grant_ref, status, op_map);
    case GNTTABOP_unmap_grant_ref:
        return APPLY(gnttab_unmap_grant_ref, status, op_unmap);
    case GNTTABOP_copy:
        return APPLY(gnttab_copy, status, op_copy);
    }
    if (command >= sizeof(operations) / sizeof(operations[0]) || !operations[command].handler)
        return -XEN_ENOSYS;
    return elements_apply(command, list, count);
}
