/*
 * Reading the events that event_format.h writes, by whoever knows which one to expect.
 *
 * `ok` goes out, and stays out, where something else stands than was asked for; until then nothing
 * behind `end` is read. What is read once `ok` is out means nothing. Freestanding.
 */
#ifndef SOLO5_REPLAY_EVENT_READING_H
#define SOLO5_REPLAY_EVENT_READING_H

#include "event_format.h"

struct event_reader {
    const uint8_t *at, *end;
    bool ok;
};

static inline uint64_t event_take_big_endian(struct event_reader *r, unsigned bytes)
{
    uint64_t value = 0;
    if ((uint64_t)(r->end - r->at) < bytes) {
        r->ok = false;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | *r->at++;
    return value;
}

static inline uint64_t event_take_sign_extended(struct event_reader *r, unsigned bytes)
{
    unsigned unused = 64 - 8 * bytes;
    return (uint64_t)((int64_t)(event_take_big_endian(r, bytes) << unused) >> unused);
}

/* Modulo 2^64; `negative` says whether it was below zero. */
static inline uint64_t event_take_integer(struct event_reader *r, bool *negative)
{
    uint8_t first = (uint8_t)event_take_big_endian(r, 1);
    uint64_t value;
    *negative = false;
    if (first < 0x80)
        return first;
    if (first >= EVENT_MARK_UNSIGNED && first < EVENT_MARK_UNSIGNED + 4)
        return event_take_big_endian(r, 1u << (first - EVENT_MARK_UNSIGNED));
    if (first >= 0xe0) {
        value = (uint64_t)(int8_t)first;
    } else if (first >= EVENT_MARK_SIGNED && first < EVENT_MARK_SIGNED + 4) {
        value = event_take_sign_extended(r, 1u << (first - EVENT_MARK_SIGNED));
    } else {
        r->ok = false;
        value = 0;
    }
    *negative = value >> 63;
    return value;
}

static inline uint64_t event_take_unsigned(struct event_reader *r)
{
    bool negative;
    uint64_t value = event_take_integer(r, &negative);
    if (negative)
        r->ok = false;
    return value;
}

/* A reading that is stored as the difference to `previous`. */
static inline uint64_t event_take_reading(struct event_reader *r, uint64_t previous)
{
    bool negative;
    return previous + event_take_integer(r, &negative);
}

/* A byte string of at most `max` bytes. */
static inline const uint8_t *event_take_bytes(struct event_reader *r, uint64_t max, uint64_t *bytes)
{
    unsigned power = (unsigned)event_take_big_endian(r, 1) - EVENT_MARK_BIN;
    const uint8_t *data;
    *bytes = power <= 2 ? event_take_big_endian(r, 1u << power) : 0;
    data = r->at;
    if (power > 2 || *bytes > max || *bytes > (uint64_t)(r->end - data)) {
        r->ok = false;
        *bytes = 0;
    }
    r->at += *bytes;
    return data;
}

/* Whether nil comes next, which then has been taken. */
static inline bool event_take_nil(struct event_reader *r)
{
    if (r->at == r->end || *r->at != EVENT_MARK_NIL)
        return false;
    r->at++;
    return true;
}

static inline void event_expect_head(struct event_reader *r, enum event_tag tag, int fields)
{
    if (event_take_big_endian(r, 1) != (uint64_t)(EVENT_MARK_ARRAY + 1 + fields)
        || event_take_big_endian(r, 1) != (uint64_t)tag)
        r->ok = false;
}

static inline void event_expect_unsigned(struct event_reader *r, uint64_t value)
{
    if (event_take_unsigned(r) != value)
        r->ok = false;
}

#endif
