/*
 * The events of a trace (docs/trace-format.md, section 4) for whoever makes them in C: the twin of
 * codec.py and buffer.py, byte for byte. event_reading.h takes them apart again. Freestanding: no
 * library, no floating point, no SSE.
 *
 * `event_put_*` appends one event. False means that it does not fit before `end` and that
 * nothing has changed; EVENT_SLACK bytes behind `end` must be writable all the same. The caller
 * guarantees what the format asks of the fields (a status is 0..3, a frame is not longer than asked
 * for). Bytes that the guest gives are passed as their length and CRC-32C.
 *
 * A new block begins with a zeroed `struct event_prior`, which the writer points to.
 */
#ifndef SOLO5_REPLAY_EVENT_FORMAT_H
#define SOLO5_REPLAY_EVENT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_SLACK 64
#define EVENT_BLOCK_BYTES (256 * 1024) /* limits.py, BLOCK_BYTES */

/* tags.py */
enum event_tag {
    EVENT_WALL_CLOCK = 1,
    EVENT_MONOTONIC_CLOCK = 2,
    EVENT_CONSOLE_WRITE = 3,
    EVENT_POLL = 4,
    EVENT_BLOCK_READ = 5,
    EVENT_BLOCK_WRITE = 6,
    EVENT_NET_READ = 7,
    EVENT_NET_WRITE = 8,
    EVENT_HALT = 9,
    EVENT_MISUSE = 10,
    EVENT_READ_TSC = 11,
    EVENT_READ_TSCP = 12,
    EVENT_RANDOM_WORD = 13,
    EVENT_CPUID = 14,
    EVENT_SET_TIMER = 15,
    EVENT_WAIT_READY = 16,
};

/* First bytes in msgpack: of a size n, with n + 0..3 for 1, 2, 4 and 8 bytes. */
enum event_mark {
    EVENT_MARK_ARRAY = 0x90, /* and the number of elements */
    EVENT_MARK_NIL = 0xc0,
    EVENT_MARK_BIN = 0xc4,
    EVENT_MARK_UNSIGNED = 0xcc,
    EVENT_MARK_SIGNED = 0xd0,
};

/* The previous reading of each kind in this block, in the order of EventDecoder.state(). */
struct event_prior {
    uint64_t wall, monotonic, cycles, special_cycles;
};

struct event_writer {
    uint8_t *at, *end;
    struct event_prior *prior;
};

/* CRC-32C (Castagnoli), as google_crc32c.value gives it. */

struct event_crc_table {
    uint32_t of[8][256];
};

static inline void event_crc_prepare(struct event_crc_table *table)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
        table->of[0][byte] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = table->of[slice - 1][byte];
            table->of[slice][byte] = crc >> 8 ^ table->of[0][crc & 0xff];
        }
}

static inline uint32_t event_crc_by_table(const struct event_crc_table *table, const uint8_t *data,
                                          uint64_t bytes)
{
    uint32_t crc = ~UINT32_C(0);
    for (; bytes >= 8; bytes -= 8, data += 8) {
        crc ^= (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16
            | (uint32_t)data[3] << 24;
        crc = table->of[7][crc & 0xff] ^ table->of[6][crc >> 8 & 0xff]
            ^ table->of[5][crc >> 16 & 0xff] ^ table->of[4][crc >> 24] ^ table->of[3][data[4]]
            ^ table->of[2][data[5]] ^ table->of[1][data[6]] ^ table->of[0][data[7]];
    }
    for (; bytes; bytes--, data++)
        crc = crc >> 8 ^ table->of[0][(crc ^ *data) & 0xff];
    return ~crc;
}

#ifdef __x86_64__
/* Whether event_crc_by_instruction may be used: CPUID leaf 1, ECX bit 20 (SSE4.2). */
static inline bool event_crc_has_instruction(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ecx >> 20 & 1;
}

/* The instruction works on general registers and leaves the vector state alone. */
static inline uint32_t event_crc_by_instruction(const uint8_t *data, uint64_t bytes)
{
    uint64_t crc = UINT32_C(0xffffffff);
    for (; bytes >= 8; bytes -= 8, data += 8) {
        uint64_t word;
        __builtin_memcpy(&word, data, sizeof word);
        __asm__("crc32q %1, %0" : "+r"(crc) : "r"(word));
    }
    for (; bytes; bytes--, data++)
        __asm__("crc32b %1, %0" : "+r"(crc) : "r"(*data));
    return ~(uint32_t)crc;
}
#endif

/* Not memcpy, which a freestanding program does not have. */
static inline void event_copy(uint8_t *to, const uint8_t *from, uint64_t bytes)
{
#ifdef __x86_64__
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
#else
    __builtin_memcpy(to, from, bytes);
#endif
}

/* Parts of events, each in msgpack's shortest form. */

/* Always stores eight bytes, of which `bytes` count: one store is faster than a loop. */
static inline uint8_t *event_part_big_endian(uint8_t *at, uint64_t value, int bytes)
{
    uint64_t word = value << (64 - 8 * bytes);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    __builtin_memcpy(at, &word, sizeof word);
    return at + bytes;
}

/* 0..3 for values that take 1, 2, 4 and 8 bytes. */
static inline int event_part_power(uint64_t value)
{
    return value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
}

static inline uint8_t *event_part_head(uint8_t *at, enum event_tag tag, int fields)
{
    at[0] = (uint8_t)(EVENT_MARK_ARRAY + 1 + fields);
    at[1] = (uint8_t)tag;
    return at + 2;
}

static inline uint8_t *event_part_unsigned(uint8_t *at, uint64_t value)
{
    if (value < 0x80) {
        *at = (uint8_t)value;
        return at + 1;
    }
    int power = event_part_power(value);
    *at = (uint8_t)(EVENT_MARK_UNSIGNED + power);
    return event_part_big_endian(at + 1, value, 1 << power);
}

static inline uint8_t *event_part_negative(uint8_t *at, int64_t value)
{
    if (value >= -32) {
        *at = (uint8_t)value;
        return at + 1;
    }
    int power = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
    *at = (uint8_t)(EVENT_MARK_SIGNED + power);
    return event_part_big_endian(at + 1, (uint64_t)value, 1 << power);
}

/* codec.py, difference(): a step back of more than 2^63 is stored modulo 2^64. */
static inline uint8_t *event_part_delta(uint8_t *at, uint64_t value, uint64_t previous)
{
    uint64_t delta = value - previous;
    if (value < previous && previous - value <= UINT64_C(1) << 63)
        return event_part_negative(at, (int64_t)delta);
    return event_part_unsigned(at, delta);
}

static inline uint8_t *event_part_bin_head(uint8_t *at, uint64_t bytes)
{
    int power = event_part_power(bytes);
    *at = (uint8_t)(EVENT_MARK_BIN + power);
    return event_part_big_endian(at + 1, bytes, 1 << power);
}

static inline bool event_finish(struct event_writer *w, uint8_t *at)
{
    if (at > w->end)
        return false;
    w->at = at;
    return true;
}

static inline bool event_finish_bytes(struct event_writer *w, uint8_t *at, const uint8_t *data,
                                      uint64_t bytes)
{
    if (bytes > UINT32_MAX)
        return false;
    at = event_part_bin_head(at, bytes);
    if (at > w->end || (uint64_t)(w->end - at) < bytes)
        return false;
    event_copy(at, data, bytes);
    w->at = at + bytes;
    return true;
}

/* The events. `*_length, *_crc`: of the bytes that the guest gave. */

static inline bool event_put_reading(struct event_writer *w, enum event_tag tag, uint64_t value,
                                     uint64_t *previous)
{
    uint8_t *at = event_part_head(w->at, tag, 1);
    if (!event_finish(w, event_part_delta(at, value, *previous)))
        return false;
    *previous = value;
    return true;
}

static inline bool event_put_wall_clock(struct event_writer *w, uint64_t ns)
{
    return event_put_reading(w, EVENT_WALL_CLOCK, ns, &w->prior->wall);
}

static inline bool event_put_monotonic_clock(struct event_writer *w, uint64_t ns)
{
    return event_put_reading(w, EVENT_MONOTONIC_CLOCK, ns, &w->prior->monotonic);
}

static inline bool event_put_read_tsc(struct event_writer *w, uint64_t cycles)
{
    return event_put_reading(w, EVENT_READ_TSC, cycles, &w->prior->cycles);
}

static inline bool event_put_read_tscp(struct event_writer *w, uint64_t cycles, uint32_t aux)
{
    uint8_t *at = event_part_head(w->at, EVENT_READ_TSCP, 2);
    at = event_part_delta(at, cycles, w->prior->special_cycles);
    if (!event_finish(w, event_part_unsigned(at, aux)))
        return false;
    w->prior->special_cycles = cycles;
    return true;
}

static inline bool event_put_console_write(struct event_writer *w, uint64_t length, uint32_t crc)
{
    uint8_t *at = event_part_head(w->at, EVENT_CONSOLE_WRITE, 2);
    at = event_part_unsigned(at, length);
    return event_finish(w, event_part_unsigned(at, crc));
}

static inline bool event_put_poll(struct event_writer *w, uint64_t timeout_ns, uint64_t ready_set)
{
    uint8_t *at = event_part_head(w->at, EVENT_POLL, 2);
    at = event_part_unsigned(at, timeout_ns);
    return event_finish(w, event_part_unsigned(at, ready_set));
}

static inline uint8_t *event_part_block_read(uint8_t *at, uint64_t handle, uint64_t offset,
                                             uint64_t length, unsigned status)
{
    at = event_part_head(at, EVENT_BLOCK_READ, 5);
    at = event_part_unsigned(at, handle);
    at = event_part_unsigned(at, offset);
    at = event_part_unsigned(at, length);
    return event_part_unsigned(at, status);
}

/* `bytes` is `length` with status 0, and 0 with any other. */
static inline bool event_put_block_read(struct event_writer *w, uint64_t handle, uint64_t offset,
                                        uint64_t length, unsigned status, const uint8_t *data,
                                        uint64_t bytes)
{
    uint8_t *at = event_part_block_read(w->at, handle, offset, length, status);
    return event_finish_bytes(w, at, data, bytes);
}

/* A read with status 0 of bytes that the trace holds already. */
static inline bool event_put_block_read_known(struct event_writer *w, uint64_t handle,
                                              uint64_t offset, uint64_t length)
{
    uint8_t *at = event_part_block_read(w->at, handle, offset, length, 0);
    *at = EVENT_MARK_NIL;
    return event_finish(w, at + 1);
}

static inline bool event_put_block_write(struct event_writer *w, uint64_t handle, uint64_t offset,
                                         uint64_t length, uint32_t crc, unsigned status)
{
    uint8_t *at = event_part_head(w->at, EVENT_BLOCK_WRITE, 5);
    at = event_part_unsigned(at, handle);
    at = event_part_unsigned(at, offset);
    at = event_part_unsigned(at, length);
    at = event_part_unsigned(at, crc);
    return event_finish(w, event_part_unsigned(at, status));
}

/* `bytes` is at most `length` with status 0, and 0 with any other. */
static inline bool event_put_net_read(struct event_writer *w, uint64_t handle, uint64_t length,
                                      unsigned status, const uint8_t *data, uint64_t bytes)
{
    uint8_t *at = event_part_head(w->at, EVENT_NET_READ, 4);
    at = event_part_unsigned(at, handle);
    at = event_part_unsigned(at, length);
    at = event_part_unsigned(at, status);
    return event_finish_bytes(w, at, data, bytes);
}

static inline bool event_put_net_write(struct event_writer *w, uint64_t handle, uint64_t length,
                                       uint32_t crc, unsigned status)
{
    uint8_t *at = event_part_head(w->at, EVENT_NET_WRITE, 4);
    at = event_part_unsigned(at, handle);
    at = event_part_unsigned(at, length);
    at = event_part_unsigned(at, crc);
    return event_finish(w, event_part_unsigned(at, status));
}

/* `value` is below 2^bits; `bits` is 16, 32 or 64. */
static inline bool event_put_random_word(struct event_writer *w, bool seed, unsigned bits,
                                         uint64_t value)
{
    uint8_t *at = event_part_head(w->at, EVENT_RANDOM_WORD, 3);
    at = event_part_unsigned(at, seed);
    at = event_part_unsigned(at, bits);
    return event_finish(w, event_part_unsigned(at, value));
}

/* `registers`: EAX, EBX, ECX, EDX. */
static inline bool event_put_cpuid(struct event_writer *w, uint32_t leaf, uint32_t subleaf,
                                   const uint32_t registers[4])
{
    uint8_t *at = event_part_head(w->at, EVENT_CPUID, 6);
    at = event_part_unsigned(at, leaf);
    at = event_part_unsigned(at, subleaf);
    for (int i = 0; i < 4; i++)
        at = event_part_unsigned(at, registers[i]);
    return event_finish(w, at);
}

static inline bool event_put_set_timer(struct event_writer *w, uint64_t at_ns)
{
    uint8_t *at = event_part_head(w->at, EVENT_SET_TIMER, 1);
    return event_finish(w, event_part_unsigned(at, at_ns));
}

static inline bool event_put_wait_ready(struct event_writer *w, int32_t timeout_ms,
                                        uint64_t ready_set, bool timer_fired)
{
    uint8_t *at = event_part_head(w->at, EVENT_WAIT_READY, 3);
    at = timeout_ms < 0 ? event_part_negative(at, timeout_ms)
                        : event_part_unsigned(at, (uint64_t)timeout_ms);
    at = event_part_unsigned(at, ready_set);
    return event_finish(w, event_part_unsigned(at, timer_fired));
}

#endif
