/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/descriptor_frame.h"

#include <xen/errno.h>

#include "hypervisor/io/console.h"
#include "hypervisor/memory/frame.h"

/* Intel SDM volume 3, 3.4.5. */
#define DESCRIPTOR_PRESENT   (1UL << 47)
#define DESCRIPTOR_LEVEL     (3UL << 45)
#define DESCRIPTOR_CODE_DATA (1UL << 44)
#define DESCRIPTOR_TYPE      (15UL << 40)

bool descriptor_check(uint64_t *descriptor)
{
    uint64_t value = *descriptor;

    if (!(value & DESCRIPTOR_PRESENT))
        return true;
    /* Type 0 is the upper half of a descriptor of 16 bytes, harmless by itself. */
    if (!(value & DESCRIPTOR_CODE_DATA) && (value & DESCRIPTOR_TYPE) != 0)
        return false;
    *descriptor = value | DESCRIPTOR_LEVEL;
    return true;
}

int descriptor_frame_validate(struct frame *frame)
{
    uint64_t *descriptors = mfn_to_virtual(frame_to_mfn(frame));

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*descriptors); i++) {
        uint64_t checked = descriptors[i];
        if (!descriptor_check(&checked)) {
            printk_refusal("descriptor %u of frame %#lx is %#lx\n", i, frame_to_mfn(frame).value,
                           descriptors[i]);
            return -XEN_EINVAL;
        }
        if (checked != descriptors[i])
            descriptors[i] = checked;
    }
    return 0;
}
