/*
 * Port I/O of hvt guests as calls: hvt_abi.h, HVT_ABI_VERSION 2.
 *
 * monitors/hvt/codec.py is the definition.  Whatever is refused, ends the guest
 * or is unusual has no kind here, and so is the door's.
 */
#ifndef AGENT_HVT_H
#define AGENT_HVT_H

#include "calls.h"

#define HVT_PORT_BASE 0x500
#define HVT_SPARE 1 /* a buffer ends below, not at, the end of memory */

enum hvt_number {
    HVT_WALLTIME = 1,
    HVT_PUTS = 2,
    HVT_POLL = 3,
    HVT_BLOCK_WRITE = 4,
    HVT_BLOCK_READ = 5,
    HVT_NET_WRITE = 6,
    HVT_NET_READ = 7,
};

struct hvt_puts {
    uint64_t data, length;
};

struct hvt_poll {
    uint64_t timeout_ns, ready_set;
    int32_t ret;
};

struct hvt_block {
    uint64_t handle, offset, data, length;
    int32_t ret;
};

struct hvt_net {
    uint64_t handle, data, length;
    int32_t ret;
};

#define HVT_STRUCT_BYTES 40 /* the largest, with its padding */

static inline void hvt_decode_block(struct call *call, const struct hvt_block *from,
                                    enum call_kind kind)
{
    const struct block *block;

    call->handle = (uint32_t)from->handle;
    call->number = from->offset;
    call->data = from->data;
    call->length = from->length;
    if (call->handle >= DEVICES_MAX)
        return;
    block = &control->blocks[call->handle];
    if (block->fd < 0 || call->length - 1 >= BLOCK_DATA_MAX || call->number >= block->capacity
        || call->length > block->capacity - call->number)
        return;
    if (kind == CALL_BLOCK_READ ? writable(call->data, call->length, HVT_SPARE)
                                : readable(call->data, call->length, HVT_SPARE))
        call->kind = kind;
}

static inline void hvt_decode_net(struct call *call, const struct hvt_net *from,
                                  enum call_kind kind)
{
    call->handle = (uint32_t)from->handle;
    call->data = from->data;
    call->length = from->length;
    if (call->handle >= DEVICES_MAX || control->nets[call->handle] < 0
        || call->length > NET_DATA_MAX)
        return;
    if (kind == CALL_NET_READ ? writable(call->data, call->length, HVT_SPARE)
                              : readable(call->data, call->length, HVT_SPARE))
        call->kind = kind;
}

static inline void hvt_decode_puts(struct call *call)
{
    const struct hvt_puts *puts = &GUEST(struct hvt_puts, call->answer);

    call->data = puts->data;
    call->length = puts->length;
    if (call->length <= CONSOLE_DATA_MAX && readable(call->data, call->length, HVT_SPARE))
        call->kind = CALL_CONSOLE;
}

static inline void hvt_decode(struct call *call, const struct frame *frame)
{
    const uint64_t address = (uint32_t)control->rax;

    call->answer = address;
    if (!writable(address, HVT_STRUCT_BYTES, HVT_SPARE))
        return;
    switch ((uint16_t)frame->rdx - HVT_PORT_BASE) {
    case HVT_WALLTIME:
        call->kind = CALL_WALL;
        return;
    case HVT_PUTS:
        hvt_decode_puts(call);
        return;
    case HVT_POLL:
        call->kind = CALL_POLL;
        call->number = GUEST(struct hvt_poll, address).timeout_ns;
        return;
    case HVT_BLOCK_WRITE:
        hvt_decode_block(call, &GUEST(struct hvt_block, address), CALL_BLOCK_WRITE);
        return;
    case HVT_BLOCK_READ:
        hvt_decode_block(call, &GUEST(struct hvt_block, address), CALL_BLOCK_READ);
        return;
    case HVT_NET_WRITE:
        hvt_decode_net(call, &GUEST(struct hvt_net, address), CALL_NET_WRITE);
        return;
    case HVT_NET_READ:
        hvt_decode_net(call, &GUEST(struct hvt_net, address), CALL_NET_READ);
        return;
    }
}

static inline int32_t count_ready(uint64_t set)
{
    int32_t count = 0;

    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

static inline void hvt_encode(const struct call *call, const struct result *result)
{
    const uint64_t address = call->answer;

    switch (call->kind) {
    case CALL_WALL:
        GUEST(uint64_t, address) = result->value;
        return;
    case CALL_POLL:
        GUEST(struct hvt_poll, address).ready_set = result->value;
        GUEST(struct hvt_poll, address).ret = count_ready(result->value);
        return;
    case CALL_BLOCK_READ:
    case CALL_BLOCK_WRITE:
        GUEST(struct hvt_block, address).ret = (int32_t)result->status;
        return;
    case CALL_NET_READ:
        if (result->status == STATUS_OK)
            GUEST(struct hvt_net, address).length = result->length;
        GUEST(struct hvt_net, address).ret = (int32_t)result->status;
        return;
    case CALL_NET_WRITE:
        GUEST(struct hvt_net, address).ret = (int32_t)result->status;
        return;
    default:
        return;
    }
}

#endif
