/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/guest_copy.h"

#include <xen/errno.h>

__attribute__((noinline)) bool guest_words_below_ok(uint64_t address, uint64_t size)
{
    return address <= GUEST_LOWER_HALF_END - size;
}

/* Copy; false when one of the accesses faulted. The larger part goes by eight bytes. */
static inline __attribute__((always_inline)) bool copy_checked(void *to, const void *from,
                                                               size_t size)
{
    size_t count = size / 8;
    bool failed = false;

    guest_access_begin();
    asm volatile("1: rep movsq\n"
                 "   mov %[rest], %[count]\n"
                 "2: rep movsb\n"
                 "4:\n"
                 ".pushsection .text.unlikely, \"ax\"\n"
                 "3: movb $1, %[failed]\n"
                 "   jmp 4b\n"
                 ".popsection\n" EXCEPTION_TABLE(1b, 3b) EXCEPTION_TABLE(2b, 3b)
                 : "+D"(to), "+S"(from), [count] "+c"(count), [failed] "+q"(failed)
                 : [rest] "r"(size % 8)
                 : "memory");
    guest_access_end();
    return !failed;
}

static bool clear_checked(void *to, size_t size)
{
    bool failed = false;

    guest_access_begin();
    asm volatile("1: rep stosb\n"
                 "   jmp 3f\n"
                 "2: movb $1, %[failed]\n"
                 "3:\n" EXCEPTION_TABLE(1b, 2b)
                 : "+D"(to), "+c"(size), [failed] "+q"(failed)
                 : "a"(0)
                 : "memory");
    guest_access_end();
    return !failed;
}

int copy_from_guest(void *to, guest_ptr_t from, size_t size)
{
    return guest_range_ok(from, size) && copy_checked(to, (const void *)from.address, size)
               ? 0
               : -XEN_EFAULT;
}

int copy_to_guest(guest_ptr_t to, const void *from, size_t size)
{
    if (!guest_range_ok(to, size) || !copy_checked((void *)to.address, from, size))
        return -XEN_EFAULT;
    return 0;
}

int clear_guest(guest_ptr_t to, size_t size)
{
    if (!guest_range_ok(to, size) || !clear_checked((void *)to.address, size))
        return -XEN_EFAULT;
    return 0;
}
