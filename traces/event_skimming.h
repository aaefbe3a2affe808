/*
 * Passing over many events at once: what kind each is and what time it was, nothing else of it. The
 * twin of skimming.py, which says what the clock does; the same numbers, event by event. Freestanding.
 */
#ifndef SOLO5_REPLAY_EVENT_SKIMMING_H
#define SOLO5_REPLAY_EVENT_SKIMMING_H

#include "event_reading.h"

#define EVENT_FIELDS_MAX 15 /* limits.py; the tag is one of them */
#define EVENT_WALL_TOLERANCE_NS 100000
#define EVENT_NS_PER_S 1000000000

/* skimming.py, Clock */
enum event_clock_seen { EVENT_SEEN_MONOTONIC = 1, EVENT_SEEN_CYCLES = 2, EVENT_SEEN_WALL = 4 };

struct event_clock {
    int64_t now, monotonic_zero, cycles_zero, wall_offset;
    unsigned seen;
};

struct event_skimmer {
    struct event_reader from;
    struct event_prior prior;
    struct event_clock clock;
    uint64_t tsc_hz;
    bool wall_moved; /* by the last event: `clock.wall_offset` is new */
};

static inline int64_t event_clamped_ns(__int128 ns)
{
    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* A clock that only runs forward has been read. */
static inline void event_clock_steady(struct event_clock *clock, enum event_clock_seen which,
                                      int64_t *zero, int64_t ns)
{
    if (!(clock->seen & which)) {
        clock->seen |= which;
        *zero = ns - clock->now;
    }
    int64_t now = event_clamped_ns((__int128)ns - *zero);
    if (now > clock->now)
        clock->now = now;
}

/* The wall clock has been read; whether its offset is another now. */
static inline bool event_clock_wall(struct event_clock *clock, int64_t ns)
{
    bool known = clock->seen & EVENT_SEEN_WALL;
    if (known && !(clock->seen & (EVENT_SEEN_MONOTONIC | EVENT_SEEN_CYCLES))) {
        int64_t now = event_clamped_ns((__int128)ns - clock->wall_offset);
        if (now > clock->now)
            clock->now = now;
    }
    int64_t offset = ns - clock->now;
    __int128 moved = (__int128)offset - clock->wall_offset;
    if (known && moved <= EVENT_WALL_TOLERANCE_NS && moved >= -EVENT_WALL_TOLERANCE_NS)
        return false;
    clock->seen |= EVENT_SEEN_WALL;
    clock->wall_offset = offset;
    return true;
}

static inline void event_skim_reading(struct event_skimmer *s, unsigned tag)
{
    struct event_prior *prior = &s->prior;
    struct event_clock *clock = &s->clock;
    uint64_t *cycles = tag == EVENT_READ_TSC ? &prior->cycles : &prior->special_cycles;
    switch (tag) {
    case EVENT_WALL_CLOCK:
        prior->wall = event_take_reading(&s->from, prior->wall);
        if (s->from.ok)
            s->wall_moved = event_clock_wall(clock, event_clamped_ns(prior->wall));
        break;
    case EVENT_MONOTONIC_CLOCK:
        prior->monotonic = event_take_reading(&s->from, prior->monotonic);
        event_clock_steady(clock, EVENT_SEEN_MONOTONIC, &clock->monotonic_zero,
                           event_clamped_ns(prior->monotonic));
        break;
    default:
        *cycles = event_take_reading(&s->from, *cycles);
        event_clock_steady(clock, EVENT_SEEN_CYCLES, &clock->cycles_zero,
                           event_clamped_ns((__int128)*cycles * EVENT_NS_PER_S / s->tsc_hz));
    }
}

/* A number, a byte string or nil. */
static inline void event_skim_field(struct event_reader *from)
{
    bool negative;
    uint64_t bytes;
    if (event_take_nil(from))
        return;
    if (from->at < from->end && *from->at >= EVENT_MARK_BIN && *from->at <= EVENT_MARK_BIN + 2)
        event_take_bytes(from, UINT32_MAX, &bytes);
    else
        event_take_integer(from, &negative);
}

/* The number of elements of an array; 0 for none. */
static inline uint64_t event_take_array_head(struct event_reader *from)
{
    uint8_t mark = (uint8_t)event_take_big_endian(from, 1);
    if (mark == 0xdc || mark == 0xdd)
        return event_take_big_endian(from, mark == 0xdc ? 2 : 4);
    return mark >= 0x90 && mark <= 0x9f ? mark & 15 : 0;
}

/* The tag of the next event, which then has been passed over; 0 for what is no event. */
static inline unsigned event_skim(struct event_skimmer *s)
{
    struct event_reader *from = &s->from;
    uint64_t elements = event_take_array_head(from);
    uint64_t tag = elements && elements <= EVENT_FIELDS_MAX ? event_take_unsigned(from) : 0;
    s->wall_moved = false;
    if (!from->ok || tag < EVENT_WALL_CLOCK || tag > EVENT_WAIT_READY)
        return 0;
    elements--;
    bool reading = tag <= EVENT_MONOTONIC_CLOCK || tag == EVENT_READ_TSC || tag == EVENT_READ_TSCP;
    if (reading) {
        if (!elements--)
            return 0;
        event_skim_reading(s, (unsigned)tag);
    }
    while (from->ok && elements--)
        event_skim_field(from);
    return from->ok ? (unsigned)tag : 0;
}

#endif
