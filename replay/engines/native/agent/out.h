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

static inline void out_next(void)
{
    const uint64_t one = 1;
    struct timespec wait = {0, WAIT_NS};

    if (control->slots[control->write_seq % SLOTS].length != 0) {
        while (control->write_seq + 1 - *(volatile uint64_t *)&control->read_seq >= SLOTS)
            system_call(NR_PPOLL, 0, 0, (int64_t)&wait, 0, 0);
        control->slots[(control->write_seq + 1) % SLOTS] = (struct slot){0, 0};
        for (int i = 0; i < 4; i++)
            control->prior[i] = 0;
        barrier();
        control->write_seq++;
        if (!control->cut)
            system_call(NR_WRITE, control->full_fd, (int64_t)&one, sizeof one, 0, 0);
    }
    barrier();
    control->cut = 0;
}

/* A place for an event of at most `size` bytes. */
static inline uint8_t *out_begin(uint64_t size)
{
    struct slot *slot;

    *(volatile uint32_t *)&control->busy = 1;
    barrier();
    slot = &control->slots[control->write_seq % SLOTS];
    if (unlikely(control->cut || slot->length + size > SLOT_BYTES)) {
        out_next();
        slot = &control->slots[control->write_seq % SLOTS];
    }
    return agent_shared.slots[control->write_seq % SLOTS] + slot->length;
}

/* The event that begins where out_begin said ends at `end`. */
static inline void out_end(const uint8_t *end)
{
    const uint64_t at = control->write_seq % SLOTS;
    struct slot *slot = &control->slots[at];

    slot->length = (uint32_t)(end - agent_shared.slots[at]);
    slot->count++;
    barrier();
    *(volatile uint32_t *)&control->busy = 0;
}

#endif
