/* A crossing that was answered, written down: replay/recorder/source.py in C. */
#ifndef AGENT_RECORD_H
#define AGENT_RECORD_H

#include "calls.h"
#include "out.h"
#include "sectors.h"

static inline bool record_block_read(struct event_writer *to, const struct call *call)
{
    const struct block *block = &control->blocks[call->handle];

    if (sectors_cover(block, call->number, call->length))
        return event_put_block_read_known(to, call->handle, call->number, call->length);
    if (!event_put_block_read(to, call->handle, call->number, call->length, STATUS_OK,
                              guest(call->data), call->length))
        return false;
    sectors_learn(block, call->number, call->length);
    return true;
}

static inline bool record_block_write(struct event_writer *to, const struct call *call)
{
    sectors_learn(&control->blocks[call->handle], call->number, call->length);
    return event_put_block_write(to, call->handle, call->number, call->length, checksum(call),
                                 STATUS_OK);
}

/* False, with nothing changed that a second attempt would not change again: there is no room. */
static inline bool record_put(struct event_writer *to, const struct call *call,
                              const struct result *result)
{
    switch (call->kind) {
    case CALL_WALL:
        return event_put_wall_clock(to, result->value);
    case CALL_MONOTONIC:
        return event_put_monotonic_clock(to, result->value);
    case CALL_TSC:
        return event_put_read_tsc(to, result->value);
    case CALL_TSCP:
        return event_put_read_tscp(to, result->value, 0);
    case CALL_CONSOLE:
        return event_put_console_write(to, call->length, checksum(call));
    case CALL_POLL:
        return event_put_poll(to, call->number, result->value);
    case CALL_SET_TIMER:
        return event_put_set_timer(to, call->number);
    case CALL_WAIT_READY:
        return event_put_wait_ready(to, (int32_t)call->number, result->value,
                                    result->timer_fired);
    case CALL_BLOCK_READ:
        return record_block_read(to, call);
    case CALL_BLOCK_WRITE:
        return record_block_write(to, call);
    case CALL_NET_READ:
        return event_put_net_read(to, call->handle, call->length, result->status,
                                  guest(call->data), result->length);
    default:
        return event_put_net_write(to, call->handle, call->length, checksum(call), STATUS_OK);
    }
}

/* No event that the agent makes is too long for an empty slot (calls.h). */
static inline void record_event(const struct call *call, const struct result *result)
{
    struct event_writer writer = out_begin();

    while (unlikely(!record_put(&writer, call, result))) {
        out_next();
        writer = out_writer();
    }
    out_end(&writer);
}

#endif
