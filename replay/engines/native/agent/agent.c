/*
 * The agent: what answers most crossings of a natively running guest, in the
 * guest's own process.
 *
 * It is a second door.  It answers a call exactly as the door in
 * replay/machine/interpose.py would, or leaves it alone: then the guest goes on to
 * the site's own instruction, which traps, and the door answers.  Freestanding: no
 * library, no thread-local data, no floating point, no relocation.
 */
#include "entry.h"
#include "hvt.h"
#include "live.h"
#include "record.h"
#include "replayed.h"
#include "spt.h"

__attribute__((aligned(4096), visibility("hidden"))) struct shared agent_shared;

_Static_assert(sizeof(struct shared) % 4096 == 0, "shared memory is whole pages");
_Static_assert(offsetof(struct shared, slots) == 65536, "replay/engines/native/layout.py");

__attribute__((used)) static const int64_t agent_fingerprint[] = {
    LAYOUT_VERSION,
    sizeof(struct controls),
    offsetof(struct controls, budget),
    offsetof(struct controls, slots),
    offsetof(struct controls, nets),
    offsetof(struct controls, sites),
    sizeof(struct shared),
};

/* The file's entry point: where to find everything, relative to here. */
__asm__(".section .rodata\n"
        "    .balign 8\n"
        "    .globl agent_table\n"
        "agent_table:\n"
        "    .quad agent_entry - agent_table\n"
        "    .quad agent_stopped - agent_table\n"
        "    .quad agent_shared - agent_table\n"
        "    .quad agent_fingerprint - agent_table\n"
        ".text\n");

#define TRAP_AND_ALIGNMENT_FLAGS 0x40100ul

static inline void decode_call(struct call *call, const struct site *site,
                               const struct frame *frame)
{
    call->kind = CALL_NONE;
    switch (site->kind) {
    case SITE_RDTSC:
        call->kind = CALL_TSC;
        return;
    case SITE_RDTSCP:
        call->kind = CALL_TSCP;
        return;
    case SITE_OUT:
        if (control->target == TARGET_HVT)
            hvt_decode(call, frame);
        return;
    case SITE_SYSCALL:
        if (control->target == TARGET_SPT)
            spt_decode(call, frame);
        return;
    }
}

static inline void encode_result(const struct call *call, const struct result *result,
                                 const struct site *site, struct frame *frame)
{
    switch (site->kind) {
    case SITE_RDTSCP:
        frame->rcx = 0;
        /* fall through */
    case SITE_RDTSC:
        control->rax = (uint32_t)result->value;
        frame->rdx = result->value >> 32;
        return;
    case SITE_OUT:
        hvt_encode(call, result);
        return;
    case SITE_SYSCALL:
        spt_encode(call, result, frame);
        return;
    }
}

static inline bool serve(const struct site *site, struct frame *frame)
{
    struct call call;
    struct result result;

    decode_call(&call, site, frame);
    if (call.kind == CALL_NONE)
        return false;
    result.length = 0;
    result.status = STATUS_OK;
    result.timer_fired = false;
    if (control->mode == MODE_RECORD) {
        if (!live_answer(&call, &result))
            return false;
        record_event(&call, &result);
    } else if (!replay_answer(&call, &result)) {
        return false;
    }
    encode_result(&call, &result, site, frame);
    return true;
}

/* Where to go on: behind the site, at it, or at agent_stopped. */
__attribute__((used, visibility("hidden"))) uint64_t agent_serve(struct frame *frame)
{
    struct site *site = &control->sites[control->site % SITES_MAX];

    control->resume = site->after;
    if (control->mode == MODE_OFF || control->stop || control->budget == 0
        || frame->flags & TRAP_AND_ALIGNMENT_FLAGS || !serve(site, frame)) {
        control->left++;
        return site->at;
    }
    site->served++;
    if (--control->budget == 0 || *(volatile uint32_t *)&control->stop)
        return (uint64_t)agent_stopped;
    return site->after;
}
