#include "format.h"

#include <stdbool.h>
#include <stdint.h>

#include "string.h"

struct output {
    char *buf;
    size_t size;
    size_t length; /* of the whole text, whether it fits or not */
};

struct conversion {
    bool is_long;
    bool left;
    bool zeros;
    size_t width;
};

#define DIGITS_MAX 24 /* 64-bit decimal with its sign, or 0x and 16 digits */

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buf[out->length] = c;
    out->length++;
}

static void put_repeated(struct output *out, char c, size_t count)
{
    while (count-- > 0)
        put(out, c);
}

/* Zeros go between the sign or 0x (the first prefix bytes of text) and the
 * digits. */
static void put_field(struct output *out, const struct conversion *spec, const char *text,
                      size_t length, size_t prefix)
{
    const size_t padding = spec->width > length ? spec->width - length : 0;
    const bool zeros = spec->zeros && !spec->left;

    if (!spec->left && !zeros)
        put_repeated(out, ' ', padding);
    for (size_t i = 0; i < length; i++) {
        if (i == prefix && zeros)
            put_repeated(out, '0', padding);
        put(out, text[i]);
    }
    if (spec->left)
        put_repeated(out, ' ', padding);
}

static void put_number(struct output *out, const struct conversion *spec, uint64_t value,
                       unsigned base, const char *prefix)
{
    char text[DIGITS_MAX];
    size_t start = sizeof text;
    const size_t prefix_length = strlen(prefix);

    do {
        text[--start] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    start -= prefix_length;
    memcpy(text + start, prefix, prefix_length);
    put_field(out, spec, text + start, sizeof text - start, prefix_length);
}

static void put_signed(struct output *out, const struct conversion *spec, int64_t value)
{
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    put_number(out, spec, magnitude, 10, value < 0 ? "-" : "");
}

static const char *parse_conversion(struct conversion *spec, const char *p)
{
    *spec = (struct conversion){0};
    for (; *p == '0' || *p == '-'; p++) {
        if (*p == '0')
            spec->zeros = true;
        else
            spec->left = true;
    }
    for (; *p >= '0' && *p <= '9'; p++)
        spec->width = spec->width * 10 + (size_t)(*p - '0');
    for (; *p == 'l' || *p == 'z'; p++)
        spec->is_long = true;
    return p;
}

size_t format_text(char *buf, size_t size, const char *format, va_list args)
{
    struct output out = {.buf = buf, .size = size};
    struct conversion spec;
    const char *text;
    char c;

    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            put(&out, *p);
            continue;
        }
        const char *start = p;
        p = parse_conversion(&spec, p + 1);
        switch (*p) {
        case 'd':
        case 'i':
            put_signed(&out, &spec, spec.is_long ? va_arg(args, int64_t) : va_arg(args, int));
            break;
        case 'u':
            put_number(&out, &spec,
                       spec.is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned), 10, "");
            break;
        case 'x':
            put_number(&out, &spec,
                       spec.is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned), 16, "");
            break;
        case 'p':
            put_number(&out, &spec, (uintptr_t)va_arg(args, void *), 16, "0x");
            break;
        case 'c':
            c = (char)va_arg(args, int);
            put_field(&out, &spec, &c, 1, 0);
            break;
        case 's':
            text = va_arg(args, const char *);
            spec.zeros = false;
            put_field(&out, &spec, text, strlen(text), 0);
            break;
        case '%':
            put(&out, '%');
            break;
        default:
            while (start < p)
                put(&out, *start++);
            if (*p == '\0')
                p--;
            else
                put(&out, *p);
            break;
        }
    }
    if (size > 0)
        buf[out.length < size ? out.length : size - 1] = '\0';
    return out.length;
}
