/*
 * Network devices that answer ARP requests and pings, each for one address.
 */
#ifndef LIB_PING_RESPONDER_H
#define LIB_PING_RESPONDER_H

#include <stdbool.h>
#include <stdint.h>

#include "solo5.h"

struct responder_address {
    const char *device; /* its name in the manifest */
    uint8_t ip[4];
};

/*
 * The whole of a program that does nothing else, on count devices; its result
 * is that of solo5_app_main().
 *
 * Arguments: [verbose] [pattern] [limit [PINGS]].  With a limit the program
 * ends after so many pings, 100000 by default; with pattern, what a ping brings
 * after its first 16 bytes has to be de ad be ef again and again.
 */
int respond(const struct solo5_start_info *info, const char *program,
            const struct responder_address *addresses, unsigned count);

#endif
