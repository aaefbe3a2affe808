/* What lwIP needs to know about the compiler: there is no C library, and our
 * string.h has the five functions that lwIP calls. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include "tcpip_failed.h"

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1

#define INT_MAX __INT_MAX__

#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#define LWIP_PLATFORM_DIAG(arguments)
#define LWIP_PLATFORM_ASSERT(text) tcpip_failed(text)

#endif
