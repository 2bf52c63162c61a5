/* SPDX-License-Identifier: MIT */
/* The flat image; IMAGE_FILE is given by boot/boot.mk. */
.section .image, "awx", @progbits
.incbin IMAGE_FILE

    .section .note.GNU-stack, "", @progbits
