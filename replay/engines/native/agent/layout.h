/*
 * What the agent and the monitor share: control words, slots of finished events,
 * the recorded events of a replay, and a ring of console bytes.
 *
 * replay/engines/native/layout.py says the same in Python, and agent_layout[]
 * lets the monitor compare both before it uses an agent.  The guest can reach all
 * of this, so the monitor checks whatever it takes out.
 */
#ifndef AGENT_LAYOUT_H
#define AGENT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_format.h"

#define LAYOUT_VERSION 1u

#define SLOT_BYTES EVENT_BLOCK_BYTES
#define SLOTS 8u
#define CONSOLE_BYTES (256u << 10)
#define SITES_MAX 1024u
#define DEVICES_MAX 64u

enum mode { MODE_OFF = 0, MODE_RECORD = 1, MODE_REPLAY = 2 };
enum target { TARGET_HVT = 1, TARGET_SPT = 2 };
enum site_kind { SITE_OUT = 1, SITE_SYSCALL = 2, SITE_RDTSC = 3, SITE_RDTSCP = 4 };

struct site {
    uint64_t at;    /* the instruction that crosses */
    uint64_t after; /* the one behind it */
    uint32_t kind;
    uint32_t served; /* crossings answered here */
};

struct slot {
    uint32_t length; /* bytes of whole events */
    uint32_t count;
};

struct block {
    uint64_t capacity;
    uint64_t block_size;
    uint64_t known; /* address of a bitmap, a bit for each sector of 512 bytes */
    int32_t fd;     /* -1: no device */
    uint32_t pad;
};

struct controls {
    /* How the agent is entered and left; see entry.h. */
    uint64_t rax;
    uint64_t site;
    uint64_t resume; /* where the guest goes on */

    /* Set by the monitor. */
    uint32_t mode;
    uint32_t target;
    uint32_t stop; /* leave at the first opportunity */
    uint32_t cut;  /* begin a new slot with the next event */
    uint64_t window;      /* address of all of guest memory, whatever its protection */
    uint64_t mem_size;    /* bytes */
    uint64_t plain_start; /* from here on, memory is data and can be written */
    uint64_t read_start;  /* from here on, memory can be read */
    uint64_t tsc_hz;
    uint64_t clock_gettime; /* the vDSO's, or 0 */
    uint64_t virtual_flags; /* those of RFLAGS that are not the process's own */
    int32_t console_fd;
    int32_t stop_fd;
    int32_t full_fd; /* an eventfd that counts slots filled */
    uint32_t site_count;

    /* Changed by both, in turn. */
    uint64_t budget; /* crossings that the agent may still answer */
    uint64_t last_cycles;
    uint64_t timer_ns;
    uint64_t console_bytes; /* printed since the monitor last looked */
    struct event_prior prior; /* the previous readings */

    /* The agent fills slot write_seq % SLOTS; the monitor frees slot read_seq % SLOTS. */
    uint64_t write_seq;
    uint64_t read_seq;
    uint32_t busy; /* an event is being written */
    uint32_t left; /* crossings left to the door */
    struct slot slots[SLOTS];

    /* A replay's recorded events: bytes [in_at, in_end) of `recorded`. */
    uint64_t in_at;
    uint64_t in_end;

    /* A replay's console bytes [console_read, console_write) of the ring. */
    uint64_t console_read;
    uint64_t console_write;

    int32_t nets[DEVICES_MAX]; /* descriptors by handle, -1 where there is none */
    struct block blocks[DEVICES_MAX];
    struct site sites[SITES_MAX];
};

struct shared {
    struct controls controls;
    uint8_t pad[65536 - sizeof(struct controls)];
    uint8_t slots[SLOTS][SLOT_BYTES];
    uint8_t recorded[SLOT_BYTES];
    uint8_t console[CONSOLE_BYTES];
};

/* The monitor maps its own memory over this. */
extern struct shared agent_shared __attribute__((visibility("hidden")));
#define control (&agent_shared.controls)

#endif
