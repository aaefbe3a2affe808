/* The server: connections, each with one request at a time. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

/* Serves port 80; with a limit other than 0, no connection goes on after so
 * many requests.  False if TCP has no room for that. */
bool server_start(int64_t limit, bool verbose);

/* Responses of which the client has acknowledged every byte. */
int64_t server_answered(void);

/* Connections whose end both sides have not yet agreed on. */
unsigned server_open(void);

#endif
