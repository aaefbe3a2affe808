/*
 * Finished events on their way to the trace.
 *
 * A slot is a block of the trace in the making: readings are differences within
 * it, so that the monitor can take it as it is.  The monitor may ask for a cut, and
 * when `busy` is 0 a millisecond later (stores have long become visible then) it
 * takes what the slot holds: whatever comes next sees the request, and begins a
 * new slot.
 */
#ifndef AGENT_OUT_H
#define AGENT_OUT_H

#include "host.h"

#define WAIT_NS 200000

/* Another block, or this one where it is empty. */
static inline void out_next(void)
{
    const uint64_t one = 1;
    struct timespec wait = {0, WAIT_NS};

    if (control->slots[control->write_seq % SLOTS].length != 0) {
        while (control->write_seq + 1 - *(volatile uint64_t *)&control->read_seq >= SLOTS)
            system_call(NR_PPOLL, 0, 0, (int64_t)&wait, 0, 0);
        control->slots[(control->write_seq + 1) % SLOTS] = (struct slot){0, 0};
        control->prior = (struct event_prior){0};
        barrier();
        control->write_seq++;
        if (!control->cut)
            system_call(NR_WRITE, control->full_fd, (int64_t)&one, sizeof one, 0, 0);
    }
    barrier();
    control->cut = 0;
}

/* A writer behind the last event. What it stores behind its end is still within the slot: the next
 * one may be the monitor's. */
static inline struct event_writer out_writer(void)
{
    const uint64_t at = control->write_seq % SLOTS;
    uint8_t *start = agent_shared.slots[at];

    return (struct event_writer){start + control->slots[at].length,
                                 start + SLOT_BYTES - EVENT_SLACK, &control->prior};
}

static inline struct event_writer out_begin(void)
{
    *(volatile uint32_t *)&control->busy = 1;
    barrier();
    if (unlikely(control->cut))
        out_next();
    return out_writer();
}

/* The event that begins where out_begin said ends where the writer is. */
static inline void out_end(const struct event_writer *writer)
{
    const uint64_t at = control->write_seq % SLOTS;
    struct slot *slot = &control->slots[at];

    slot->length = (uint32_t)(writer->at - agent_shared.slots[at]);
    slot->count++;
    barrier();
    *(volatile uint32_t *)&control->busy = 0;
}

#endif
