/*
 * One network device with an IPv4 address, on lwIP: ARP and pings are answered,
 * UDP and TCP are lwIP's callbacks.  Programs that use it call lwIP directly
 * (lwip/udp.h, lwip/tcp.h) between tcpip_start() and the end of tcpip_run().
 */
#ifndef LIB_TCPIP_H
#define LIB_TCPIP_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

/* Takes the network device of that name into use with the address 10.0.0.2/24
 * and says so on the console.  False, with a line on the console, if there is
 * no such device. */
bool tcpip_start(const char *device);

/* Serves the device until finished() is true; it is called after each round of
 * work, which is at least once a second.  False, with a line on the console, if
 * the device failed. */
bool tcpip_run(bool (*finished)(void));

/* Milliseconds since an arbitrary zero, as of the round of work. */
uint32_t tcpip_now_ms(void);

#endif
