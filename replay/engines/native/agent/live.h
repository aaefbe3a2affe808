/* Calls answered by the host: replay/devices in C, for what is neither refused nor fails. */
#ifndef AGENT_LIVE_H
#define AGENT_LIVE_H

#include "calls.h"
#include "sectors.h"

#define LONGEST_WAIT_NS (3600 * NS_PER_S)
#define NO_DEADLINE UINT64_MAX

static inline bool live_cycles(struct result *result)
{
    const uint64_t hz = control->tsc_hz;
    uint64_t now = clock_ns(CLOCK_MONOTONIC), high, rest;

    if (unlikely(hz != NS_PER_S)) {
        __asm__("mulq %3" : "=a"(now), "=d"(high) : "a"(now), "r"(hz));
        if (high >= NS_PER_S)
            return false;
        __asm__("divq %4" : "=a"(now), "=d"(rest) : "a"(now), "d"(high), "r"(NS_PER_S));
    }
    if (now <= control->last_cycles)
        now = control->last_cycles + 1;
    result->value = control->last_cycles = now;
    return true;
}

/* All bytes or none; only a host that takes a part makes this go on after a failure. */
static inline bool live_console(const struct call *call)
{
    struct pollfd writable_again = {control->console_fd, POLLOUT, 0};
    uint64_t done = 0;

    while (done < call->length) {
        const int64_t written = system_call(NR_WRITE, control->console_fd,
                                            (int64_t)guest(call->data + done),
                                            (int64_t)(call->length - done), 0, 0);
        if (written > 0)
            done += (uint64_t)written;
        else if (done == 0)
            return false;
        else if (written == -EAGAIN)
            system_call(NR_PPOLL, (int64_t)&writable_again, 1, 0, 0, 0);
        else if (written != -EINTR)
            return false;
    }
    control->console_bytes += call->length;
    return true;
}

/* The devices with something to read, after at most wait_ns; false: stopped, or one is gone. */
static inline bool live_poll(uint64_t wait_ns, uint64_t *ready_set)
{
    struct pollfd fds[DEVICES_MAX + 1];
    uint32_t handles[DEVICES_MAX + 1];
    struct timespec wait = {(int64_t)(wait_ns / NS_PER_S), (int64_t)(wait_ns % NS_PER_S)};
    uint32_t count = 0;
    int64_t ready;

    for (uint32_t handle = 0; handle < DEVICES_MAX; handle++) {
        if (control->nets[handle] < 0)
            continue;
        handles[count] = handle;
        fds[count++] = (struct pollfd){control->nets[handle], POLLIN, 0};
    }
    if (control->stop_fd >= 0)
        fds[count] = (struct pollfd){control->stop_fd, POLLIN, 0};
    ready = system_call(NR_PPOLL, (int64_t)fds, count + (control->stop_fd >= 0), (int64_t)&wait, 0,
                        0);
    *ready_set = 0;
    if (ready < 0 || (control->stop_fd >= 0 && fds[count].revents != 0))
        return false;
    for (uint32_t at = 0; ready > 0 && at < count; at++) {
        if (fds[at].revents & (POLLERR | POLLNVAL))
            return false;
        if (fds[at].revents != 0)
            *ready_set |= 1ul << handles[at];
    }
    return true;
}

static inline uint64_t later(uint64_t now, uint64_t wait_ns)
{
    return wait_ns > NO_DEADLINE - now ? NO_DEADLINE : now + wait_ns;
}

static inline uint64_t until(uint64_t now, uint64_t deadline)
{
    const uint64_t left = deadline > now ? deadline - now : 0;

    return left < LONGEST_WAIT_NS ? left : LONGEST_WAIT_NS;
}

static inline bool live_wait(uint64_t wait_ns, struct result *result)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    const uint64_t deadline = later(now, wait_ns);

    for (;;) {
        if (!live_poll(until(now, deadline), &result->value))
            return false;
        now = clock_ns(CLOCK_MONOTONIC);
        if (result->value != 0 || now >= deadline)
            return true;
    }
}

static inline bool live_wait_ready(int64_t timeout_ms, struct result *result)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC), until_ns;
    const uint64_t deadline =
        timeout_ms < 0 ? NO_DEADLINE : later(now, (uint64_t)timeout_ms * 1000000);
    const uint64_t timer = control->timer_ns != 0 ? control->timer_ns : NO_DEADLINE;

    until_ns = timer < deadline ? timer : deadline;
    for (;;) {
        if (!live_poll(until(now, until_ns), &result->value))
            return false;
        now = clock_ns(CLOCK_MONOTONIC);
        result->timer_fired = now >= timer;
        if (result->value != 0 || now >= until_ns)
            return true;
    }
}

static inline bool live_net_read(const struct call *call, struct result *result)
{
    const int64_t got = call->length == 0
                            ? -1
                            : system_call(NR_READ, control->nets[call->handle],
                                          (int64_t)guest(call->data), (int64_t)call->length, 0, 0);

    if (got == -EAGAIN || (got == 0 && call->length != 0)) {
        result->status = STATUS_AGAIN;
        return true;
    }
    result->length = (uint64_t)got;
    return got > 0;
}

static inline bool live_net_write(const struct call *call)
{
    return system_call(NR_WRITE, control->nets[call->handle], (int64_t)guest(call->data),
                       (int64_t)call->length, 0, 0)
           == (int64_t)call->length;
}

static inline bool live_block(const struct call *call, int64_t number)
{
    return system_call(number, control->blocks[call->handle].fd, (int64_t)guest(call->data),
                       (int64_t)call->length, (int64_t)call->number, 0)
           == (int64_t)call->length;
}

/* False: nothing has happened that the door could not do again. */
static inline bool live_answer(const struct call *call, struct result *result)
{
    switch (call->kind) {
    case CALL_WALL:
        result->value = clock_ns(CLOCK_REALTIME);
        return true;
    case CALL_MONOTONIC:
        result->value = clock_ns(CLOCK_MONOTONIC);
        return true;
    case CALL_CONSOLE:
        return live_console(call);
    case CALL_POLL:
        return live_wait(call->number, result);
    case CALL_SET_TIMER:
        control->timer_ns = call->number;
        return true;
    case CALL_WAIT_READY:
        return live_wait_ready((int64_t)call->number, result);
    case CALL_BLOCK_READ:
        result->length = call->length;
        return live_block(call, NR_PREAD64);
    case CALL_BLOCK_WRITE:
        return live_block(call, NR_PWRITE64);
    case CALL_NET_READ:
        return live_net_read(call, result);
    case CALL_NET_WRITE:
        return live_net_write(call);
    case CALL_TSC:
    case CALL_TSCP:
        return live_cycles(result);
    default:
        return false;
    }
}

#endif
