/*
 * Calls answered from the recorded events: replay/player in C.
 *
 * An event that is not exactly what the call wants is the door's, which finds it
 * untouched: it knows later versions, damaged traces and divergences.
 */
#ifndef AGENT_REPLAYED_H
#define AGENT_REPLAYED_H

#include "calls.h"
#include "event_reading.h"
#include "sectors.h"

static inline void replay_expect_digest(struct event_reader *from, const struct call *call)
{
    event_expect_unsigned(from, call->length);
    if (from->ok)
        event_expect_unsigned(from, checksum(call));
}

/* Keep what the trace has shown of a block device, for reads that it calls known. */
static inline bool replay_learn(const struct call *call, const uint8_t *data)
{
    const struct block *block = &control->blocks[call->handle];

    if (system_call(NR_PWRITE64, block->fd, (int64_t)data, (int64_t)call->length,
                    (int64_t)call->number, 0)
        != (int64_t)call->length)
        return false;
    sectors_learn(block, call->number, call->length);
    return true;
}

static inline bool replay_known(const struct call *call)
{
    const struct block *block = &control->blocks[call->handle];

    return sectors_cover(block, call->number, call->length)
           && system_call(NR_PREAD64, block->fd, (int64_t)guest(call->data), (int64_t)call->length,
                          (int64_t)call->number, 0)
                  == (int64_t)call->length;
}

static inline bool replay_block_read(struct event_reader *from, const struct call *call,
                                     struct result *result)
{
    const uint8_t *data;

    event_expect_head(from, EVENT_BLOCK_READ, 5);
    event_expect_unsigned(from, call->handle);
    event_expect_unsigned(from, call->number);
    event_expect_unsigned(from, call->length);
    event_expect_unsigned(from, STATUS_OK);
    if (!from->ok)
        return false;
    if (event_take_nil(from)) {
        result->length = call->length;
        return replay_known(call);
    }
    data = event_take_bytes(from, call->length, &result->length);
    if (!from->ok || result->length != call->length || !replay_learn(call, data))
        return false;
    event_copy(guest(call->data), data, result->length);
    return true;
}

static inline bool replay_block_write(struct event_reader *from, const struct call *call)
{
    event_expect_head(from, EVENT_BLOCK_WRITE, 5);
    event_expect_unsigned(from, call->handle);
    event_expect_unsigned(from, call->number);
    replay_expect_digest(from, call);
    event_expect_unsigned(from, STATUS_OK);
    return from->ok && replay_learn(call, guest(call->data));
}

static inline bool replay_net_read(struct event_reader *from, const struct call *call,
                                   struct result *result)
{
    const uint8_t *data;

    event_expect_head(from, EVENT_NET_READ, 4);
    event_expect_unsigned(from, call->handle);
    event_expect_unsigned(from, call->length);
    result->status = (uint32_t)event_take_unsigned(from);
    data = event_take_bytes(from, call->length, &result->length);
    if (!from->ok || result->status > STATUS_AGAIN
        || (result->status == STATUS_AGAIN && result->length != 0))
        return false;
    event_copy(guest(call->data), data, result->length);
    return true;
}

static inline bool replay_console(struct event_reader *from, const struct call *call)
{
    const uint64_t used = control->console_write - *(volatile uint64_t *)&control->console_read;

    event_expect_head(from, EVENT_CONSOLE_WRITE, 2);
    if (used > CONSOLE_BYTES || call->length > CONSOLE_BYTES - used)
        return false;
    replay_expect_digest(from, call);
    if (!from->ok)
        return false;
    for (uint64_t byte = 0; byte < call->length; byte++)
        agent_shared.console[(control->console_write + byte) % CONSOLE_BYTES] =
            guest(call->data)[byte];
    barrier();
    control->console_write += call->length;
    return true;
}

/* The reading becomes the previous one only once the whole event is accepted. */
static inline bool replay_reading(struct event_reader *from, enum event_tag tag,
                                  uint64_t *previous, struct result *result)
{
    event_expect_head(from, tag, tag == EVENT_READ_TSCP ? 2 : 1);
    result->value = event_take_reading(from, *previous);
    if (tag == EVENT_READ_TSCP)
        event_expect_unsigned(from, 0);
    if (from->ok)
        *previous = result->value;
    return from->ok;
}

static inline bool replay_wait(struct event_reader *from, const struct call *call,
                               struct result *result)
{
    bool negative;
    uint64_t fired;

    event_expect_head(from, EVENT_WAIT_READY, 3);
    if (event_take_integer(from, &negative) != call->number)
        return false;
    result->value = event_take_unsigned(from);
    fired = event_take_unsigned(from);
    result->timer_fired = fired != 0;
    for (uint64_t set = result->value; set != 0; set &= set - 1) {
        if (control->nets[__builtin_ctzl(set)] < 0)
            return false;
    }
    return from->ok && fired <= 1;
}

static inline bool replay_event(struct event_reader *from, const struct call *call,
                                struct result *result)
{
    switch (call->kind) {
    case CALL_WALL:
        return replay_reading(from, EVENT_WALL_CLOCK, &control->prior.wall, result);
    case CALL_MONOTONIC:
        return replay_reading(from, EVENT_MONOTONIC_CLOCK, &control->prior.monotonic, result);
    case CALL_TSC:
        return replay_reading(from, EVENT_READ_TSC, &control->prior.cycles, result);
    case CALL_TSCP:
        return replay_reading(from, EVENT_READ_TSCP, &control->prior.special_cycles, result);
    case CALL_CONSOLE:
        return replay_console(from, call);
    case CALL_POLL:
        event_expect_head(from, EVENT_POLL, 2);
        event_expect_unsigned(from, call->number);
        result->value = event_take_unsigned(from);
        return from->ok;
    case CALL_SET_TIMER:
        event_expect_head(from, EVENT_SET_TIMER, 1);
        event_expect_unsigned(from, call->number);
        return from->ok;
    case CALL_WAIT_READY:
        return replay_wait(from, call, result);
    case CALL_BLOCK_READ:
        return replay_block_read(from, call, result);
    case CALL_BLOCK_WRITE:
        return replay_block_write(from, call);
    case CALL_NET_READ:
        return replay_net_read(from, call, result);
    case CALL_NET_WRITE:
        event_expect_head(from, EVENT_NET_WRITE, 4);
        event_expect_unsigned(from, call->handle);
        replay_expect_digest(from, call);
        event_expect_unsigned(from, STATUS_OK);
        return from->ok;
    default:
        return false;
    }
}

static inline bool replay_answer(const struct call *call, struct result *result)
{
    struct event_reader from;

    if (control->in_at >= control->in_end || control->in_end > SLOT_BYTES)
        return false;
    from = (struct event_reader){agent_shared.recorded + control->in_at,
                           agent_shared.recorded + control->in_end, true};
    if (!replay_event(&from, call, result))
        return false;
    control->in_at = (uint64_t)(from.at - agent_shared.recorded);
    return true;
}

#endif
