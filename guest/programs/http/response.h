/* What is answered to a request: a head, and a body that lies in static memory. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

#define HEAD_MAX 256u
#define BODY_MAX (8u << 20)

/*
 * Bodies are a page of text, or so many bytes of a pattern: the byte at offset
 * n is bits 16 to 23 of (n mod 65521) * 2654435761.  The period is a prime, so
 * that a piece in the wrong place shows.
 */
struct response {
    char head[HEAD_MAX];
    size_t head_size;
    const char *text; /* or NULL for the pattern */
    size_t body_size;
    int status;
    bool keep_alive;
};

/* Prepares the pattern; to be called once, before anything else. */
void response_prepare(void);

/* The answer to a request. */
void response_to(struct response *response, const struct request *request);

/* An answer with a status alone, after which the connection ends. */
void response_of_status(struct response *response, int status);

/* The piece of the body at an offset below body_size: where it is and, in
 * *size, how much of it lies there in one piece. */
const void *response_piece(const struct response *response, size_t offset, size_t *size);

#endif
