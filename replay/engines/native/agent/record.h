/* A crossing that was answered, written down: replay/recorder/source.py in C. */
#ifndef AGENT_RECORD_H
#define AGENT_RECORD_H

#include "calls.h"
#include "events.h"
#include "out.h"
#include "sectors.h"

static inline uint8_t *record_block_read(uint8_t *at, const struct call *call)
{
    const struct block *block = &control->blocks[call->handle];

    at = put_unsigned(put_head(at, 6, TAG_BLOCK_READ), call->handle);
    at = put_unsigned(put_unsigned(at, call->number), call->length);
    at = put_unsigned(at, STATUS_OK);
    if (sectors_cover(block, call->number, call->length)) {
        *at = MSGPACK_NIL;
        return at + 1;
    }
    sectors_learn(block, call->number, call->length);
    return put_bytes(at, guest(call->data), call->length);
}

static inline uint8_t *record_block_write(uint8_t *at, const struct call *call)
{
    at = put_unsigned(put_head(at, 6, TAG_BLOCK_WRITE), call->handle);
    at = put_digest(put_unsigned(at, call->number), guest(call->data), call->length);
    sectors_learn(&control->blocks[call->handle], call->number, call->length);
    return put_unsigned(at, STATUS_OK);
}

static inline uint8_t *record_net_read(uint8_t *at, const struct call *call,
                                       const struct result *result)
{
    at = put_unsigned(put_head(at, 5, TAG_NET_READ), call->handle);
    at = put_unsigned(put_unsigned(at, call->length), result->status);
    return put_bytes(at, guest(call->data), result->length);
}

static inline uint8_t *record_net_write(uint8_t *at, const struct call *call)
{
    at = put_unsigned(put_head(at, 5, TAG_NET_WRITE), call->handle);
    return put_unsigned(put_digest(at, guest(call->data), call->length), STATUS_OK);
}

static inline uint8_t *record_put(uint8_t *at, const struct call *call,
                                  const struct result *result)
{
    switch (call->kind) {
    case CALL_WALL:
        return put_difference(put_head(at, 2, TAG_WALL), result->value, PRIOR_WALL);
    case CALL_MONOTONIC:
        return put_difference(put_head(at, 2, TAG_MONOTONIC), result->value, PRIOR_MONOTONIC);
    case CALL_TSC:
        return put_difference(put_head(at, 2, TAG_TSC), result->value, PRIOR_CYCLES);
    case CALL_TSCP:
        at = put_difference(put_head(at, 3, TAG_TSCP), result->value, PRIOR_SPECIAL_CYCLES);
        return put_unsigned(at, 0);
    case CALL_CONSOLE:
        return put_digest(put_head(at, 3, TAG_CONSOLE), guest(call->data), call->length);
    case CALL_POLL:
        at = put_unsigned(put_head(at, 3, TAG_POLL), call->number);
        return put_unsigned(at, result->value);
    case CALL_SET_TIMER:
        return put_unsigned(put_head(at, 2, TAG_SET_TIMER), call->number);
    case CALL_WAIT_READY:
        at = put_signed(put_head(at, 4, TAG_WAIT_READY), (int64_t)call->number);
        return put_unsigned(put_unsigned(at, result->value), result->timer_fired);
    case CALL_BLOCK_READ:
        return record_block_read(at, call);
    case CALL_BLOCK_WRITE:
        return record_block_write(at, call);
    case CALL_NET_READ:
        return record_net_read(at, call, result);
    default:
        return record_net_write(at, call);
    }
}

static inline void record_event(const struct call *call, const struct result *result)
{
    const bool has_data = call->kind == CALL_BLOCK_READ || call->kind == CALL_NET_READ;
    uint8_t *at = out_begin(EVENT_FIXED_MAX + (has_data ? result->length : 0));

    out_end(record_put(at, call, result));
}

#endif
