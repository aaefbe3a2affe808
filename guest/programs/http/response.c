#include "response.h"

#include <stdarg.h>
#include <stdint.h>

#include "format.h"
#include "string.h"

#define PATTERN_PERIOD 65521u
#define PATTERN_FACTOR 2654435761u

static uint8_t pattern[PATTERN_PERIOD];

static const char page[] = "<!doctype html>\n"
                           "<title>A unikernel</title>\n"
                           "<h1>It works</h1>\n"
                           "<p>This page comes from a unikernel. So do\n"
                           "<a href=\"/1m\">a mebibyte</a> and any number of bytes up to 8388608:\n"
                           "<a href=\"/100\">100</a>, <a href=\"/65536\">65536</a>.\n";

void response_prepare(void)
{
    for (uint32_t i = 0; i < PATTERN_PERIOD; i++)
        pattern[i] = (uint8_t)(i * PATTERN_FACTOR >> 16);
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    default:
        return "Request Header Fields Too Large";
    }
}

static void format_head(struct response *response, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    response->head_size = format_text(response->head, HEAD_MAX, format, args);
    va_end(args);
}

static void write_head(struct response *response)
{
    format_head(response,
                "HTTP/1.1 %d %s\r\n"
                "Server: solo5\r\n"
                "Content-Type: %s\r\n"
                "Content-Length: %lu\r\n"
                "%s"
                "Connection: %s\r\n"
                "\r\n",
                response->status, reason_of(response->status),
                response->text == page ? "text/html"
                : response->text       ? "text/plain"
                                       : "application/octet-stream",
                response->body_size, response->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                response->keep_alive ? "keep-alive" : "close");
}

static void set_text(struct response *response, int status, const char *text)
{
    response->status = status;
    response->text = text;
    response->body_size = strlen(text);
}

static void set_status(struct response *response, int status)
{
    set_text(response, status, reason_of(status));
}

/* A decimal number up to BODY_MAX, of any number of digits. */
static bool parse_size(const char *digits, size_t *size)
{
    size_t value = 0;

    if (*digits == '\0')
        return false;
    for (; *digits != '\0'; digits++) {
        if (*digits < '0' || *digits > '9')
            return false;
        value = value * 10 + (size_t)(*digits - '0');
        if (value > BODY_MAX)
            return false;
    }
    *size = value;
    return true;
}

static void set_content(struct response *response, const char *target)
{
    size_t size = 1u << 20;

    if (strcmp(target, "/") == 0) {
        set_text(response, 200, page);
    } else if (strcmp(target, "/1m") == 0 || (target[0] == '/' && parse_size(target + 1, &size))) {
        response->status = 200;
        response->text = NULL;
        response->body_size = size;
    } else {
        set_status(response, 404);
    }
}

void response_to(struct response *response, const struct request *request)
{
    response->keep_alive = request->keep_alive;
    if (request->method == METHOD_OTHER)
        set_status(response, 405);
    else
        set_content(response, request->target);
    write_head(response);
    if (request->method == METHOD_HEAD)
        response->body_size = 0;
}

void response_of_status(struct response *response, int status)
{
    response->keep_alive = false;
    set_status(response, status);
    write_head(response);
}

const void *response_piece(const struct response *response, size_t offset, size_t *size)
{
    const size_t left = response->body_size - offset;

    if (response->text != NULL) {
        *size = left;
        return response->text + offset;
    }

    const size_t start = offset % PATTERN_PERIOD;

    *size = left < PATTERN_PERIOD - start ? left : PATTERN_PERIOD - start;
    return pattern + start;
}
