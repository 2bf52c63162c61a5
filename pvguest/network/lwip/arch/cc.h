/* SPDX-License-Identifier: MIT */
/*
 * What lwIP wants to know of compiler and machine. It includes this file by this name.
 */
#pragma once

#include <stdint.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_UNISTD_H   1
#define LWIP_NO_CTYPE_H    1

#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define X8_F  "02x"
#define SZT_F "zu"

typedef unsigned long sys_prot_t;

uint32_t network_random(void);
_Noreturn void network_panic(const char *what);

#define LWIP_RAND()                network_random()
#define LWIP_PLATFORM_DIAG(words)  ((void)0)
#define LWIP_PLATFORM_ASSERT(what) network_panic(what)
