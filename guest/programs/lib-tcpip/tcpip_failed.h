/* The end of a guest whose TCP/IP found itself in an impossible state. */
#ifndef TCPIP_FAILED_H
#define TCPIP_FAILED_H

void tcpip_failed(const char *assertion) __attribute__((noreturn));

#endif
