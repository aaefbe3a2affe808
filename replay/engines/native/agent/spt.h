/*
 * System calls of spt guests as calls: spt_abi.h, SPT_ABI_VERSION 2, on x86-64.
 *
 * monitors/spt/codec.py is the definition.  Whatever is forbidden, fails or is
 * unusual has no kind here, and so is the door's.
 */
#ifndef AGENT_SPT_H
#define AGENT_SPT_H

#include "calls.h"

/* monitors/spt/abi.py: the descriptors that a guest is given */
#define SPT_CONSOLE_FD 1
#define SPT_DEVICE_FD 3
#define SPT_EPOLL_FD (SPT_DEVICE_FD + DEVICES_MAX)
#define SPT_TIMER_FD (SPT_EPOLL_FD + 1)
#define SPT_TIMER_DATA 0xfffffffeul

/* asm/unistd_64.h, linux/timerfd.h */
#define NR_EPOLL_PWAIT 281
#define NR_TIMERFD_SETTIME 286
#define TFD_TIMER_ABSTIME 1
#define EPOLL_EVENT_BYTES 12 /* struct epoll_event is packed: events, data */
#define KTIME_MAX_NS 0x7ffffffffffffffful

/* What of the process's RFLAGS a system call leaves in R11: the direction flag, and none of the
 * status flags, which processors may differ about. */
#define KEPT_FLAGS 0x400ul
#define ALWAYS_SET_FLAG 2ul

static inline bool spt_device(struct call *call, uint64_t fd)
{
    call->handle = (uint32_t)(fd - SPT_DEVICE_FD);
    return fd - SPT_DEVICE_FD < DEVICES_MAX;
}

static inline void spt_decode_write(struct call *call, const struct frame *frame)
{
    call->data = frame->rsi;
    call->length = frame->rdx;
    if (call->length > NET_DATA_MAX || !readable(call->data, call->length, 0))
        return;
    if (frame->rdi == SPT_CONSOLE_FD && call->length <= CONSOLE_DATA_MAX)
        call->kind = CALL_CONSOLE;
    else if (spt_device(call, frame->rdi) && control->nets[call->handle] >= 0)
        call->kind = CALL_NET_WRITE;
}

static inline void spt_decode_read(struct call *call, const struct frame *frame)
{
    call->data = frame->rsi;
    call->length = frame->rdx;
    if (spt_device(call, frame->rdi) && control->nets[call->handle] >= 0
        && call->length - 1 < NET_DATA_MAX && writable(call->data, call->length, 0))
        call->kind = CALL_NET_READ;
}

static inline void spt_decode_block(struct call *call, const struct frame *frame,
                                    enum call_kind kind)
{
    const struct block *block;

    call->data = frame->rsi;
    call->length = frame->rdx;
    call->number = frame->r10;
    if (!spt_device(call, frame->rdi))
        return;
    block = &control->blocks[call->handle];
    if (block->fd < 0 || call->length != block->block_size || call->length - 1 >= BLOCK_DATA_MAX
        || call->number > block->capacity - block->block_size)
        return;
    if (kind == CALL_BLOCK_READ ? writable(call->data, call->length, 0)
                                : readable(call->data, call->length, 0))
        call->kind = kind;
}

static inline void spt_decode_timer(struct call *call, const struct frame *frame)
{
    const int64_t *times = (const int64_t *)guest(frame->rdx);

    if (frame->rdi != SPT_TIMER_FD || (uint32_t)frame->rsi != TFD_TIMER_ABSTIME || frame->r10 != 0
        || !readable(frame->rdx, 32, 0) || times[0] != 0 || times[1] != 0 || times[2] < 0
        || (uint64_t)times[3] >= NS_PER_S)
        return;
    if ((uint64_t)times[2] > KTIME_MAX_NS / NS_PER_S - 1)
        return;
    call->kind = CALL_SET_TIMER;
    call->number = (uint64_t)times[2] * NS_PER_S + (uint64_t)times[3];
}

static inline void spt_decode_wait(struct call *call, const struct frame *frame)
{
    const uint32_t count = (uint32_t)frame->rdx;

    call->data = frame->rsi;
    call->length = count <= DEVICES_MAX + 1 ? count : DEVICES_MAX + 1;
    if (frame->rdi != SPT_EPOLL_FD || frame->r8 != 0 || count == 0 || (int32_t)count < 0
        || !writable(call->data, call->length * EPOLL_EVENT_BYTES, 0))
        return;
    call->kind = CALL_WAIT_READY;
    call->number = (uint64_t)(int64_t)(int32_t)frame->r10;
}

static inline void spt_decode(struct call *call, const struct frame *frame)
{
    switch ((uint32_t)control->rax) {
    case NR_CLOCK_GETTIME:
        call->answer = frame->rsi;
        if (frame->rdi <= CLOCK_MONOTONIC && writable(frame->rsi, 16, 0))
            call->kind = frame->rdi == CLOCK_MONOTONIC ? CALL_MONOTONIC : CALL_WALL;
        return;
    case NR_WRITE:
        spt_decode_write(call, frame);
        return;
    case NR_READ:
        spt_decode_read(call, frame);
        return;
    case NR_PREAD64:
        spt_decode_block(call, frame, CALL_BLOCK_READ);
        return;
    case NR_PWRITE64:
        spt_decode_block(call, frame, CALL_BLOCK_WRITE);
        return;
    case NR_TIMERFD_SETTIME:
        spt_decode_timer(call, frame);
        return;
    case NR_EPOLL_PWAIT:
        spt_decode_wait(call, frame);
        return;
    }
}

static inline uint64_t spt_put_event(const struct call *call, uint64_t count, uint64_t data)
{
    uint8_t *event = guest(call->data + count * EPOLL_EVENT_BYTES);

    if (count >= call->length)
        return count;
    *(uint32_t *)event = POLLIN;
    *(uint64_t *)(event + 4) = data;
    return count + 1;
}

static inline uint64_t spt_put_events(const struct call *call, const struct result *result)
{
    uint64_t count = 0;

    for (uint64_t set = result->value; set != 0; set &= set - 1)
        count = spt_put_event(call, count, (uint64_t)__builtin_ctzl(set));
    return result->timer_fired ? spt_put_event(call, count, SPT_TIMER_DATA) : count;
}

static inline int64_t spt_returned(const struct call *call, const struct result *result)
{
    switch (call->kind) {
    case CALL_WALL:
    case CALL_MONOTONIC:
        GUEST(uint64_t, call->answer) = result->value / NS_PER_S;
        GUEST(uint64_t, call->answer + 8) = result->value % NS_PER_S;
        return 0;
    case CALL_CONSOLE:
    case CALL_BLOCK_WRITE:
    case CALL_NET_WRITE:
        return (int64_t)call->length;
    case CALL_BLOCK_READ:
    case CALL_NET_READ:
        return result->status == STATUS_OK ? (int64_t)result->length : -EAGAIN;
    case CALL_WAIT_READY:
        return (int64_t)spt_put_events(call, result);
    default:
        return 0;
    }
}

static inline void spt_encode(const struct call *call, const struct result *result,
                              struct frame *frame)
{
    control->rax = (uint64_t)spt_returned(call, result);
    frame->rcx = control->resume;
    frame->r11 = (frame->flags & KEPT_FLAGS) | control->virtual_flags | ALWAYS_SET_FLAG;
}

#endif
