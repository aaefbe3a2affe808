/*
 * What the agent and the monitor share: a block of control words, slots of
 * finished events, the recorded events of a replay, and a ring of console bytes.
 * replay/engines/native/layout.py says the same in Python; agent_layout[] lets
 * the monitor compare both before it uses an agent.
 *
 * The guest can reach all of it.  The agent trusts nothing here with memory
 * safety of the monitor's process, and the monitor checks whatever it takes out.
 */
#ifndef AGENT_LAYOUT_H
#define AGENT_LAYOUT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long u64;
typedef long i64;

#define LAYOUT_VERSION 1

#define SHARED_AT 0x600000200000ul
#define OUT_AT (SHARED_AT + 0x100000)
#define IN_AT (SHARED_AT + 0x400000)
#define CONSOLE_AT (SHARED_AT + 0x500000)
#define WINDOW_AT 0x610000000000ul  /* all of guest memory, whatever its protection */
#define SECTORS_AT 0x620000000000ul /* a bitmap of known sectors for each block device */
#define SECTORS_STRIDE 0x100000000ul

#define SLOT_BYTES (256u << 10)
#define SLOTS 8u
#define CONSOLE_BYTES (256u << 10)
#define SITES_MAX 1024u
#define DEVICES_MAX 64u

enum mode { MODE_OFF = 0, MODE_RECORD = 1, MODE_REPLAY = 2 };
enum target { TARGET_HVT = 1, TARGET_SPT = 2 };
enum site_kind { SITE_OUT = 1, SITE_SYSCALL = 2, SITE_RDTSC = 3, SITE_RDTSCP = 4 };

struct site {
    u64 at;    /* the instruction that crosses */
    u64 after; /* the one behind it */
    u32 kind;
    u32 served;
};

struct slot {
    u32 length;
    u32 count;
};

struct block {
    u64 capacity;
    u64 block_size;
    i32 fd;
    u32 pad;
};

struct control {
    /* The agent's way in and out; see entry.h. */
    u64 rax;
    u64 site;
    u64 resume; /* where the guest goes on */
    u64 pad;

    /* Set by the monitor. */
    u32 mode;
    u32 target;
    u32 stop; /* leave at the first opportunity */
    u32 cut;  /* begin a new slot with the next event */
    u64 mem_size;
    u64 plain_start; /* from here to the end, memory is no code and can be written */
    u64 tsc_hz;
    u64 clock_gettime; /* the vDSO's, or 0 */
    i32 console_fd;
    i32 stop_fd;
    i32 full_fd; /* an eventfd that counts slots filled */
    u32 site_count;

    /* Changed by both, in turn. */
    u64 budget;       /* crossings that the agent may still answer */
    u64 last_cycles;
    u64 timer_ns;
    u64 console_bytes; /* printed since the monitor last looked */
    u64 prior[4];      /* the previous readings, which event_format.h keeps deltas to */

    /* Slots: the agent writes slot write_seq % SLOTS, the monitor frees read_seq. */
    u64 write_seq;
    u64 read_seq;
    u32 busy;
    u32 left; /* why the last crossing was left to the door */
    struct slot slots[SLOTS];

    /* A replay's recorded events: bytes [in_at, in_end) of the area at IN_AT. */
    u64 in_at;
    u64 in_end;

    /* Console bytes [console_read, console_write) of the ring, in replays. */
    u64 console_read;
    u64 console_write;

    i32 nets[DEVICES_MAX]; /* descriptors by handle, -1 where there is none */
    struct block blocks[DEVICES_MAX];
    struct site sites[SITES_MAX];
};

#define control ((struct control *)SHARED_AT)

#endif
