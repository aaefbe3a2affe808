#include "request.h"

#include "string.h"

/* A part of the text; not NUL-terminated. */
struct span {
    const char *start;
    size_t size;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(struct span span, const char *word)
{
    return span.size == strlen(word) && memcmp(span.start, word, span.size) == 0;
}

/* In any case of letters; the word is in small ones. */
static bool begins_with(struct span span, const char *word)
{
    const size_t size = strlen(word);

    if (span.size < size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (lower(span.start[i]) != word[i])
            return false;
    return true;
}

/* The line in front of the rest, without its end, which may be a line feed
 * alone.  False if there is no whole line. */
static bool take_line(struct span *rest, struct span *line)
{
    for (size_t i = 0; i < rest->size; i++) {
        if (rest->start[i] != '\n')
            continue;
        line->start = rest->start;
        line->size = i > 0 && rest->start[i - 1] == '\r' ? i - 1 : i;
        rest->start += i + 1;
        rest->size -= i + 1;
        return true;
    }
    return false;
}

static struct span take_word(struct span *rest)
{
    struct span word = {.start = rest->start, .size = 0};

    while (word.size < rest->size && rest->start[word.size] != ' ')
        word.size++;
    rest->start += word.size;
    rest->size -= word.size;
    if (rest->size > 0) {
        rest->start++;
        rest->size--;
    }
    return word;
}

static enum method method_of(struct span word)
{
    if (is_word(word, "GET"))
        return METHOD_GET;
    return is_word(word, "HEAD") ? METHOD_HEAD : METHOD_OTHER;
}

static void copy_target(struct request *request, struct span word)
{
    const size_t size = word.size < TARGET_MAX ? word.size : 0;

    memcpy(request->target, word.start, size);
    request->target[size] = '\0';
}

static bool parse_request_line(struct request *request, struct span line)
{
    const struct span method = take_word(&line);
    const struct span target = take_word(&line);

    if (method.size == 0 || target.size == 0 || line.size != strlen("HTTP/1.x") ||
        !begins_with(line, "http/1."))
        return false;
    request->method = method_of(method);
    request->keep_alive = line.start[line.size - 1] != '0';
    copy_target(request, target);
    return true;
}

static struct span field_value(struct span line, const char *name)
{
    struct span value = {.start = line.start + strlen(name), .size = line.size - strlen(name)};

    while (value.size > 0 && is_space(*value.start)) {
        value.start++;
        value.size--;
    }
    return value;
}

/* What follows a body is not looked for: the connection ends after it. */
static void parse_field(struct request *request, struct span line)
{
    if (begins_with(line, "connection:")) {
        const struct span value = field_value(line, "connection:");

        if (begins_with(value, "close"))
            request->keep_alive = false;
        else if (begins_with(value, "keep-alive"))
            request->keep_alive = true;
    }
}

static bool announces_body(struct span line)
{
    return begins_with(line, "content-length:") || begins_with(line, "transfer-encoding:");
}

enum request_state request_parse(struct request *request, const char *text, size_t size,
                                 size_t *length)
{
    struct span rest = {.start = text, .size = size}, line;
    bool has_body = false;

    /* RFC 9112, section 2.2: an empty line may come before the request line. */
    do {
        if (!take_line(&rest, &line))
            return REQUEST_UNFINISHED;
    } while (line.size == 0);
    if (!parse_request_line(request, line))
        return REQUEST_MALFORMED;
    for (;;) {
        if (!take_line(&rest, &line))
            return REQUEST_UNFINISHED;
        if (line.size == 0)
            break;
        parse_field(request, line);
        has_body = has_body || announces_body(line);
    }
    request->keep_alive = request->keep_alive && !has_body;
    *length = size - rest.size;
    return REQUEST_COMPLETE;
}
