/* Calls and results as the agent passes them around: monitors/calls in C. */
#ifndef AGENT_CALLS_H
#define AGENT_CALLS_H

#include "entry.h"
#include "host.h"

enum call_kind {
    CALL_NONE = 0, /* not for the agent, or not in a way that it serves */
    CALL_WALL,
    CALL_MONOTONIC,
    CALL_CONSOLE,
    CALL_POLL,
    CALL_SET_TIMER,
    CALL_WAIT_READY,
    CALL_BLOCK_READ,
    CALL_BLOCK_WRITE,
    CALL_NET_READ,
    CALL_NET_WRITE,
    CALL_TSC,
    CALL_TSCP,
};

struct call {
    enum call_kind kind;
    uint32_t handle;
    uint64_t number; /* a time, a timeout, or an offset on a block device */
    uint64_t data;   /* the buffer's guest address */
    uint64_t length; /* its bytes */
    uint64_t answer; /* guest address of the structure for the result */
};

struct result {
    uint64_t value;  /* a time, cycles, or a set of ready devices */
    uint64_t length; /* bytes put into the buffer */
    uint32_t status;
    bool timer_fired;
};

#define STATUS_OK 0u
#define STATUS_AGAIN 1u

/* Longer requests are the door's, which has no slots to fit them into. */
#define CONSOLE_DATA_MAX 4096u /* PIPE_BUF: a pipe takes it whole or not at all */
#define BLOCK_DATA_MAX (128u << 10)
#define NET_DATA_MAX (68u << 10) /* more than any frame */

static inline uint8_t *guest(uint64_t address)
{
    return (uint8_t *)(control->window + address);
}

#define GUEST(type, address) (*(type *)guest(address))

/* Of what the guest gives. By the instruction, without which this agent is not used. */
static inline uint32_t checksum(const struct call *call)
{
    return event_crc_by_instruction(guest(call->data), call->length);
}

/* Whether memory is there for the agent to read; `spare` bytes at the end are not. */
static inline bool readable(uint64_t address, uint64_t size, uint64_t spare)
{
    const uint64_t end = control->mem_size - spare;

    return address >= control->read_start && address <= end && size <= end - address;
}

static inline bool writable(uint64_t address, uint64_t size, uint64_t spare)
{
    return address >= control->plain_start && readable(address, size, spare);
}

#endif
