/* The head of a request, RFC 9112, as far as this server needs to understand it. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_MAX 128u

enum method { METHOD_GET, METHOD_HEAD, METHOD_OTHER };

struct request {
    enum method method;
    bool keep_alive;         /* the client would like to go on with this connection */
    char target[TARGET_MAX]; /* NUL-terminated; empty if it was longer */
};

enum request_state { REQUEST_COMPLETE, REQUEST_UNFINISHED, REQUEST_MALFORMED };

/* Reads the request in front of the text.  If it is complete, *length is that
 * of its head in bytes. */
enum request_state request_parse(struct request *request, const char *text, size_t size,
                                 size_t *length);

#endif
