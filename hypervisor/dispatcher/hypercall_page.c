/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/hypercall_page.h"

#include <stdint.h>

#include <xen/xen.h>

#include "hypervisor/layout.h"
#include "lib/string.h"

#define STUB_SIZE 32

/* push rcx; push r11; mov $number, eax; syscall; pop r11; pop rcx; ret */
static const uint8_t stub_call[] = {0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                                    0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
/* iret never returns here: push rcx; push r11; push rax; mov $number, eax; syscall */
static const uint8_t stub_iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05};

void hypercall_page_fill(void *page)
{
    memset(page, 0xcc, PAGE_SIZE);
    for (uint32_t number = 0; number < PAGE_SIZE / STUB_SIZE; number++) {
        uint8_t *stub = (uint8_t *)page + number * STUB_SIZE;
        if (number == __HYPERVISOR_iret) {
            memcpy(stub, stub_iret, sizeof(stub_iret));
            memcpy(stub + 5, &number, sizeof(number));
        } else {
            memcpy(stub, stub_call, sizeof(stub_call));
            memcpy(stub + 4, &number, sizeof(number));
        }
    }
}
