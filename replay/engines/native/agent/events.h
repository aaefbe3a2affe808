/*
 * Events as a trace holds them: docs/trace-format.md, version 1.0; traces/codec.py in C.
 *
 * An event is a msgpack array [tag, inputs..., outputs...] of integers in their
 * shortest form and byte strings; a clock's reading is the difference to the one
 * before in the same block.
 */
#ifndef AGENT_EVENTS_H
#define AGENT_EVENTS_H

#include "host.h"

enum event_tag {
    TAG_WALL = 1,
    TAG_MONOTONIC = 2,
    TAG_CONSOLE = 3,
    TAG_POLL = 4,
    TAG_BLOCK_READ = 5,
    TAG_BLOCK_WRITE = 6,
    TAG_NET_READ = 7,
    TAG_NET_WRITE = 8,
    TAG_TSC = 11,
    TAG_TSCP = 12,
    TAG_SET_TIMER = 15,
    TAG_WAIT_READY = 16,
};

enum prior { PRIOR_WALL, PRIOR_MONOTONIC, PRIOR_CYCLES, PRIOR_SPECIAL_CYCLES };

#define EVENT_FIXED_MAX 64 /* an event without its data */

#define MSGPACK_ARRAY 0x90
#define MSGPACK_NIL 0xc0
#define MSGPACK_BIN8 0xc4
#define MSGPACK_U8 0xcc
#define MSGPACK_I8 0xd0

/* CRC-32C by the processor's own instruction, without which this agent is not used. */
static inline uint32_t checksum(const uint8_t *data, uint64_t size)
{
    uint64_t crc = 0xffffffff;

    for (; size >= 8; size -= 8, data += 8)
        __asm__("crc32q %1, %0" : "+r"(crc) : "m"(*(const uint64_t *)data));
    for (; size > 0; size--, data++)
        __asm__("crc32b %1, %k0" : "+r"(crc) : "m"(*data));
    return ~(uint32_t)crc;
}

/* The `size` low bytes of a value, the highest first. */
static inline uint8_t *put_big_endian(uint8_t *at, uint64_t value, unsigned size)
{
    value = __builtin_bswap64(value << (64 - 8 * size));
    for (unsigned byte = 0; byte < size; byte++)
        at[byte] = (uint8_t)(value >> 8 * byte);
    return at + size;
}

/* 0..3 for values that take 1, 2, 4 and 8 bytes. */
static inline unsigned width_of(uint64_t value)
{
    return value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
}

static inline uint8_t *put_unsigned(uint8_t *at, uint64_t value)
{
    const unsigned width = width_of(value);

    if (value < 0x80) {
        *at = (uint8_t)value;
        return at + 1;
    }
    *at = (uint8_t)(MSGPACK_U8 + width);
    return put_big_endian(at + 1, value, 1u << width);
}

static inline uint8_t *put_signed(uint8_t *at, int64_t value)
{
    unsigned width;

    if (value >= 0)
        return put_unsigned(at, (uint64_t)value);
    if (value >= -32) {
        *at = (uint8_t)value;
        return at + 1;
    }
    width = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
    *at = (uint8_t)(MSGPACK_I8 + width);
    return put_big_endian(at + 1, (uint64_t)value, 1u << width);
}

static inline uint8_t *put_head(uint8_t *at, unsigned fields, enum event_tag tag)
{
    at[0] = (uint8_t)(MSGPACK_ARRAY + fields);
    at[1] = (uint8_t)tag;
    return at + 2;
}

/* A step back by more than 2**63 does not fit a signed integer, and is kept modulo 2**64. */
static inline uint8_t *put_difference(uint8_t *at, uint64_t value, enum prior which)
{
    const uint64_t before = control->prior[which];

    control->prior[which] = value;
    if (value >= before || before - value > 1ul << 63)
        return put_unsigned(at, value - before);
    return put_signed(at, (int64_t)(value - before));
}

static inline uint8_t *put_bytes(uint8_t *at, const uint8_t *data, uint64_t size)
{
    const unsigned width = width_of(size);

    *at = (uint8_t)(MSGPACK_BIN8 + width);
    at = put_big_endian(at + 1, size, 1u << width);
    copy(at, data, size);
    return at + size;
}

static inline uint8_t *put_digest(uint8_t *at, const uint8_t *data, uint64_t size)
{
    return put_unsigned(put_unsigned(at, size), checksum(data, size));
}

/* A reader of one event; `ok` goes out for good where it is not what was asked for. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool ok;
};

static inline uint64_t take_big_endian(struct reader *reader, unsigned size)
{
    uint64_t value = 0;

    if ((uint64_t)(reader->end - reader->at) < size) {
        reader->ok = false;
        return 0;
    }
    for (unsigned byte = 0; byte < size; byte++)
        value = value << 8 | *reader->at++;
    return value;
}

/* An integer modulo 2**64; `negative` says whether it was below zero. */
static inline uint64_t take_integer(struct reader *reader, bool *negative)
{
    const uint8_t first = (uint8_t)take_big_endian(reader, 1);
    unsigned size;
    uint64_t value;

    *negative = false;
    if (first < 0x80)
        return first;
    if (first >= 0xe0) {
        *negative = true;
        return (uint64_t)(int64_t)(int8_t)first;
    }
    if (first >= MSGPACK_U8 && first < MSGPACK_U8 + 4)
        return take_big_endian(reader, 1u << (first - MSGPACK_U8));
    if (first < MSGPACK_I8 || first >= MSGPACK_I8 + 4) {
        reader->ok = false;
        return 0;
    }
    size = 1u << (first - MSGPACK_I8);
    value = take_big_endian(reader, size);
    *negative = value >> (8 * size - 1) & 1;
    return *negative && size < 8 ? value | ~0ul << 8 * size : value;
}

static inline uint64_t take_unsigned(struct reader *reader)
{
    bool negative;
    const uint64_t value = take_integer(reader, &negative);

    if (negative)
        reader->ok = false;
    return value;
}

static inline void expect_head(struct reader *reader, unsigned fields, enum event_tag tag)
{
    if (take_big_endian(reader, 1) != MSGPACK_ARRAY + fields
        || take_big_endian(reader, 1) != (uint64_t)tag)
        reader->ok = false;
}

static inline void expect_unsigned(struct reader *reader, uint64_t value)
{
    if (take_unsigned(reader) != value)
        reader->ok = false;
}

static inline void expect_digest(struct reader *reader, const uint8_t *data, uint64_t size)
{
    expect_unsigned(reader, size);
    if (reader->ok)
        expect_unsigned(reader, checksum(data, size));
}

/* The reading, which becomes the one before only once the whole event is accepted. */
static inline uint64_t take_reading(struct reader *reader, enum prior which)
{
    bool negative;

    return control->prior[which] + take_integer(reader, &negative);
}

/* A byte string of at most `max` bytes. */
static inline const uint8_t *take_bytes(struct reader *reader, uint64_t max, uint64_t *size)
{
    const unsigned width = (unsigned)take_big_endian(reader, 1) - MSGPACK_BIN8;
    const uint8_t *data;

    *size = width <= 2 ? take_big_endian(reader, 1u << width) : max + 1;
    data = reader->at;
    if (*size > max || *size > (uint64_t)(reader->end - data)) {
        reader->ok = false;
        *size = 0;
    }
    reader->at += *size;
    return data;
}

#endif
