/*
 * Calls answered from the recorded events: replay/player in C.
 *
 * An event that is not exactly what the call wants is the door's, which finds it
 * untouched: it knows later versions, damaged traces and divergences.
 */
#ifndef AGENT_REPLAYED_H
#define AGENT_REPLAYED_H

#include "calls.h"
#include "events.h"
#include "sectors.h"

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

static inline bool replay_block_read(struct reader *from, const struct call *call,
                                     struct result *result)
{
    const uint8_t *data;

    expect_head(from, 6, TAG_BLOCK_READ);
    expect_unsigned(from, call->handle);
    expect_unsigned(from, call->number);
    expect_unsigned(from, call->length);
    expect_unsigned(from, STATUS_OK);
    if (!from->ok || from->at == from->end)
        return false;
    if (*from->at == MSGPACK_NIL) {
        from->at++;
        result->length = call->length;
        return replay_known(call);
    }
    data = take_bytes(from, call->length, &result->length);
    if (!from->ok || result->length != call->length || !replay_learn(call, data))
        return false;
    copy(guest(call->data), data, result->length);
    return true;
}

static inline bool replay_block_write(struct reader *from, const struct call *call)
{
    expect_head(from, 6, TAG_BLOCK_WRITE);
    expect_unsigned(from, call->handle);
    expect_unsigned(from, call->number);
    expect_digest(from, guest(call->data), call->length);
    expect_unsigned(from, STATUS_OK);
    return from->ok && replay_learn(call, guest(call->data));
}

static inline bool replay_net_read(struct reader *from, const struct call *call,
                                   struct result *result)
{
    const uint8_t *data;

    expect_head(from, 5, TAG_NET_READ);
    expect_unsigned(from, call->handle);
    expect_unsigned(from, call->length);
    result->status = (uint32_t)take_unsigned(from);
    data = take_bytes(from, call->length, &result->length);
    if (!from->ok || result->status > STATUS_AGAIN
        || (result->status == STATUS_AGAIN && result->length != 0))
        return false;
    copy(guest(call->data), data, result->length);
    return true;
}

static inline bool replay_console(struct reader *from, const struct call *call)
{
    const uint64_t used = control->console_write - *(volatile uint64_t *)&control->console_read;

    expect_head(from, 3, TAG_CONSOLE);
    if (used > CONSOLE_BYTES || call->length > CONSOLE_BYTES - used)
        return false;
    expect_digest(from, guest(call->data), call->length);
    if (!from->ok)
        return false;
    for (uint64_t byte = 0; byte < call->length; byte++)
        agent_shared.console[(control->console_write + byte) % CONSOLE_BYTES] =
            guest(call->data)[byte];
    barrier();
    control->console_write += call->length;
    return true;
}

static inline bool replay_reading(struct reader *from, enum event_tag tag, enum prior which,
                                  struct result *result)
{
    expect_head(from, tag == TAG_TSCP ? 3 : 2, tag);
    result->value = take_reading(from, which);
    if (tag == TAG_TSCP)
        expect_unsigned(from, 0);
    if (from->ok)
        control->prior[which] = result->value;
    return from->ok;
}

static inline bool replay_wait(struct reader *from, const struct call *call,
                               struct result *result)
{
    bool negative;
    uint64_t fired;

    expect_head(from, 4, TAG_WAIT_READY);
    if (take_integer(from, &negative) != call->number)
        return false;
    result->value = take_unsigned(from);
    fired = take_unsigned(from);
    result->timer_fired = fired != 0;
    for (uint64_t set = result->value; set != 0; set &= set - 1) {
        if (control->nets[__builtin_ctzl(set)] < 0)
            return false;
    }
    return from->ok && fired <= 1;
}

static inline bool replay_event(struct reader *from, const struct call *call,
                                struct result *result)
{
    switch (call->kind) {
    case CALL_WALL:
        return replay_reading(from, TAG_WALL, PRIOR_WALL, result);
    case CALL_MONOTONIC:
        return replay_reading(from, TAG_MONOTONIC, PRIOR_MONOTONIC, result);
    case CALL_TSC:
        return replay_reading(from, TAG_TSC, PRIOR_CYCLES, result);
    case CALL_TSCP:
        return replay_reading(from, TAG_TSCP, PRIOR_SPECIAL_CYCLES, result);
    case CALL_CONSOLE:
        return replay_console(from, call);
    case CALL_POLL:
        expect_head(from, 3, TAG_POLL);
        expect_unsigned(from, call->number);
        result->value = take_unsigned(from);
        return from->ok;
    case CALL_SET_TIMER:
        expect_head(from, 2, TAG_SET_TIMER);
        expect_unsigned(from, call->number);
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
        expect_head(from, 5, TAG_NET_WRITE);
        expect_unsigned(from, call->handle);
        expect_digest(from, guest(call->data), call->length);
        expect_unsigned(from, STATUS_OK);
        return from->ok;
    default:
        return false;
    }
}

static inline bool replay_answer(const struct call *call, struct result *result)
{
    struct reader from;

    if (control->in_at >= control->in_end || control->in_end > SLOT_BYTES)
        return false;
    from = (struct reader){agent_shared.recorded + control->in_at,
                           agent_shared.recorded + control->in_end, true};
    if (!replay_event(&from, call, result))
        return false;
    control->in_at = (uint64_t)(from.at - agent_shared.recorded);
    return true;
}

#endif
