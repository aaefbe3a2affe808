/*
 * Callbacks that Unicorn runs while a guest executes. They decide nothing: each notes in `state` why
 * the guest should stop and asks Unicorn to stop; Python looks at the note. The twin in callbacks.py
 * does the same in Python where this file could not be compiled.
 *
 * Unicorn still calls an inline hook once after a stop was asked for: `reason` guards every entry.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "_opcodes.h"

enum reason {
    NONE, SITE, VET, EXCEPTION, INVALID, MEMORY, TARGET, FULL, UNKNOWN, BREAK, WATCHED, INTERRUPT
};

#define NOWHERE (UINT64_C(1) << 63) /* not canonical: no instruction can lie there */

/*
 * Instructions to translate before all is forgotten. At up to 1 KiB each they stay below what Unicorn
 * has room for: it would make room by itself, and not report the block that it translates next.
 */
#define TRANSLATED_MAX 450000

#define UC_MEM_WRITE 17 /* enum uc_mem_type of unicorn.h */

#define VETTED_SLOTS (1u << 15) /* a power of two; a collision only costs one more vetting */

struct vetted {
    uint64_t pc;
    uint64_t fingerprint; /* of the block's length and bytes; 0 is never stored */
};

#define COUNTED_SLOTS (1u << 18) /* a power of two */
#define COUNTED_MAX 196608       /* so many are used at most */

/* How many instructions the block of so many bytes has; 0 in a slot that is free. */
struct counted {
    uint64_t pc;
    uint32_t bytes;
    uint32_t instructions;
};

/* What an address is for; USED is set in every slot that is taken, also where it is for nothing. */
enum use { IS_SITE = 1, IS_BREAKPOINT = 2, IS_NOTED = 4, IS_REPEATED = 8, USED = 16 };

struct place {
    uint64_t address;
    uint64_t uses;
};

/* Memory from `start` up to `end`, both physical. */
struct watch {
    uint64_t start;
    uint64_t end;
    uint64_t accesses; /* 1: writes, 2: reads */
    uint64_t stops;    /* 1: behind the accessing instruction, 0: only note it */
};

/*
 * Something reached: by the instruction at `rip` in the block that begins at `block`, before which
 * `count` instructions had been executed.
 */
struct note {
    uint64_t count;
    uint64_t block;
    uint64_t rip;
    uint64_t gpa;   /* of the access */
    uint64_t watch; /* the number of the watch, NOWHERE for a breakpoint */
};

struct state {
    uint64_t reason;
    uint64_t address; /* SITE, VET: virtual; MEMORY: physical */
    uint64_t size;    /* VET: bytes in the block */
    uint64_t instructions; /* VET: instructions in the block, 0 when not known */
    uint64_t detail;  /* EXCEPTION: vector; MEMORY: uc_mem_type */
    uint64_t count;   /* instructions begun in this run, by blocks: executed before `block` */
    uint64_t target;  /* stop before instruction number `target` */
    uint64_t last_counted;
    uint64_t passed_site;  /* this site may be executed, once */
    uint64_t passed_entry; /* the block that begins here has just been vetted */
    uint64_t flat_cr3; /* the page tables under which virtual equals physical, or NOWHERE */
    const uint8_t *ram;
    uint64_t ram_bytes;
    struct vetted *vetted;
    uint8_t *code_pages; /* one byte a page: set to 1 where code is translated */
    int (*emu_stop)(void *uc);
    int (*reg_read)(void *uc, int id, void *value);
    int64_t cr3_id;
    int64_t flags_id;
    uint64_t hooked_at;    /* the last instruction that a counting hook was called for, */
    uint64_t hooked_flags; /* and RFLAGS before it */
    int (*emu_start)(void *uc, uint64_t begin, uint64_t end, uint64_t timeout, size_t count);
    uint64_t translated;   /* instructions, since all was forgotten */
    uint64_t crashed; /* the signal that ended Unicorn; it must not be used again */
    int64_t noted_ids[3];
    uint64_t rip, rax, rdx; /* after the last start: nearly every stop needs them */
    uint64_t starting;    /* no block has begun since the emulator was started */
    uint64_t by_blocks;   /* counting so, for which the guest must be unable to write its code */
    uint64_t current;     /* instructions in the block at hand, not yet in `count` */
    uint64_t block;       /* the address of that block, */
    uint64_t block_bytes; /* and its size */
    uint64_t tail;        /* the block at hand is cut short behind the last instruction wanted */
    uint64_t interrupted; /* stop before the next block or instruction */
    struct counted *counted;
    uint64_t counted_blocks;
    const uint8_t *sealed_pages; /* one byte a page: 1 where the guest cannot write */
    struct place *places;
    uint64_t places_mask;  /* their number less one */
    uint64_t passed_break; /* no stop for the breakpoint there, once */
    uint64_t counted_rcx, counted_rsp; /* before the last one counted, if it may change its code */
    int64_t rcx_id;
    int64_t rsp_id;
    uint64_t arrived_at;   /* the repeated instruction there goes on with its next iteration */
    struct watch *watches;
    uint64_t watches_count;
    const uint8_t *watched_pages; /* one byte a page: 1 where some watch is */
    uint64_t watched; /* an access has been seen for which the guest must stop, */
    uint64_t watch;   /* and for which watch */
    uint64_t watched_cr2; /* CR2 at that time */
    int64_t cr2_id;
    uint64_t hits; /* how much has been noted in this run */
    struct note first, last, last_but_one;
    uint8_t *reached; /* a byte for each 16 bytes of code, set to 1 where it is reached; or NULL */
    int64_t *runs; /* how much more often each byte of code was executed than the one before; or NULL, */
    uint64_t runs_start, runs_bytes; /* where it begins, and for how many bytes; one more is there */
};

/* uc_tb of unicorn.h: what an UC_HOOK_EDGE_GENERATED callback is told about a block. */
struct translated_block {
    uint64_t pc;
    uint16_t instructions;
    uint16_t bytes;
};

/*
 * Whether a block may hold a site. No false negatives: every instruction is decoded, from the first
 * one on, and the block must come out as its translator saw it: as many bytes, and instructions (0:
 * not known).
 */
static bool may_hold_site(const uint8_t *code, uint64_t bytes, uint64_t instructions)
{
    struct cursor c = {code, code + bytes};
    struct instruction ignored;
    uint64_t count = 0;

    for (; c.at < c.end; count++)
        if (!skip_plain(&c, &ignored))
            return true;
    return instructions != 0 && instructions != count;
}

static void stop(void *uc, struct state *s, enum reason reason)
{
    s->reason = reason;
    s->emu_stop(uc);
}

static uint64_t fingerprint(const uint8_t *code, uint64_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325ull ^ bytes;
    for (uint64_t i = 0; i < bytes; i++)
        hash = (hash ^ code[i]) * 0x100000001b3ull;
    return hash | 1;
}

static struct vetted *slot(struct state *s, uint64_t pc)
{
    return &s->vetted[(pc * 0x9e3779b97f4a7c15ull) >> 49];
}

static bool is_flat(void *uc, struct state *s, uint64_t pc, uint64_t bytes)
{
    uint64_t cr3 = 0;
    s->reg_read(uc, (int)s->cr3_id, &cr3);
    return cr3 == s->flat_cr3 && bytes > 0 && pc < s->ram_bytes && bytes <= s->ram_bytes - pc;
}

/* For Python to see that this was built from the same source. */
uint64_t s5_state_bytes(void)
{
    return sizeof(struct state);
}

/* For tests. */
bool s5_may_hold_site(const uint8_t *code, uint64_t bytes, uint64_t instructions)
{
    return may_hold_site(code, bytes, instructions);
}

/* Remember a block that Python has looked at. */
void s5_mark_vetted(struct state *s, uint64_t pc, uint64_t bytes)
{
    if (pc >= s->ram_bytes || bytes > s->ram_bytes - pc)
        return;
    struct vetted *entry = slot(s, pc);
    entry->pc = pc;
    entry->fingerprint = fingerprint(s->ram + pc, bytes);
}

/* Whether nothing in a block needs Python's look, since it had one or holds nothing suspicious. */
static bool is_harmless(void *uc, struct state *s, uint64_t pc, uint64_t bytes, uint64_t count)
{
    if (!is_flat(uc, s, pc, bytes))
        return false;
    const uint8_t *code = s->ram + pc;
    s->code_pages[pc >> 12] = 1;
    s->code_pages[(pc + bytes - 1) >> 12] = 1;
    if (s->by_blocks && !(s->sealed_pages[pc >> 12] && s->sealed_pages[(pc + bytes - 1) >> 12]))
        return false;
    struct vetted *entry = slot(s, pc);
    if (entry->pc == pc && entry->fingerprint == fingerprint(code, bytes))
        return true;
    return !may_hold_site(code, bytes, count);
}

static void ask_for_vetting(void *uc, struct state *s, uint64_t pc, uint64_t bytes, uint64_t count)
{
    if (s->reason != NONE || is_harmless(uc, s, pc, bytes, count))
        return;
    s->address = pc;
    s->size = bytes;
    s->instructions = count;
    stop(uc, s, VET);
}

#define REACHED_SLOTS (1u << 16) /* a power of two; code farther apart shares them */

/* Note that code is about to be executed. */
static void reach(struct state *s, uint64_t pc, uint64_t bytes)
{
    if (s->reached == NULL)
        return;
    for (uint64_t i = pc >> 4; i <= (pc + bytes - 1) >> 4; i++)
        s->reached[i & (REACHED_SLOTS - 1)] = 1;
}

/* Note that code has been executed. */
static void executed(struct state *s, uint64_t pc, uint64_t bytes)
{
    uint64_t at = pc - s->runs_start;

    if (s->runs == NULL || at >= s->runs_bytes)
        return;
    s->runs[at]++;
    s->runs[bytes < s->runs_bytes - at ? at + bytes : s->runs_bytes]--;
}

/* The block at hand has been executed to its end. */
static void settle(struct state *s)
{
    if (s->current)
        executed(s, s->block, s->block_bytes);
    s->count += s->current;
    s->current = 0;
}

static struct counted *counted_slot(struct state *s, uint64_t pc, uint64_t bytes)
{
    uint64_t i = (pc * 0x9e3779b97f4a7c15ull ^ bytes) >> 46;
    for (;; i = (i + 1) & (COUNTED_SLOTS - 1)) {
        struct counted *entry = &s->counted[i];
        if (entry->instructions == 0 || (entry->pc == pc && entry->bytes == bytes))
            return entry;
    }
}

/* Remember how many instructions a block has; false when there is no room. */
bool s5_put_count(struct state *s, uint64_t pc, uint64_t bytes, uint64_t instructions)
{
    struct counted *entry = counted_slot(s, pc, bytes);
    if (entry->instructions == 0) {
        if (s->counted_blocks >= COUNTED_MAX)
            return false;
        s->counted_blocks++;
    }
    *entry = (struct counted){pc, (uint32_t)bytes, (uint32_t)instructions};
    return true;
}

void s5_forget_counts(struct state *s)
{
    memset(s->counted, 0, COUNTED_SLOTS * sizeof *s->counted);
    s->counted_blocks = 0;
}

static struct place *place_slot(struct state *s, uint64_t address)
{
    uint64_t i = (address * 0x9e3779b97f4a7c15ull) >> 32;
    for (;; i++) {
        struct place *entry = &s->places[i & s->places_mask];
        if (entry->uses == 0 || entry->address == address)
            return entry;
    }
}

/* Say what an address is for from now on. The caller keeps free slots in the table. */
void s5_put_place(struct state *s, uint64_t address, uint64_t uses)
{
    *place_slot(s, address) = (struct place){address, uses | USED};
}

static bool is_sealed(struct state *s, uint64_t address)
{
    return s->flat_cr3 != NOWHERE && address < s->ram_bytes && s->sealed_pages[address >> 12];
}

/* Whether an instruction may go to itself with RCX and RSP as they were. */
static bool is_jump(const uint8_t *code, const uint8_t *end)
{
    static const char prefixes[] = "\x66\x67\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65";

    while (code < end && (memchr(prefixes, *code, sizeof prefixes - 1) || (*code & 0xf0) == 0x40))
        code++;
    if (end - code < 2)
        return false;
    if (code[0] == 0x0f)
        return (code[1] & 0xf0) == 0x80;
    if (code[0] == 0xff)
        return (code[1] >> 3 & 6) == 4;
    return (code[0] & 0xf0) == 0x70 || (code[0] & 0xfc) == 0xe0 || code[0] == 0xe9 ||
           code[0] == 0xeb || code[0] == 0xcf;
}

/*
 * Unicorn gives up an instruction that writes to its own block, and begins it once more: only that
 * comes right behind itself with nothing changed. Under page tables of the guest's own it counts twice.
 */
static bool is_begun_again(void *uc, struct state *s, uint64_t address, uint64_t bytes)
{
    uint64_t rcx = 0, rsp = 0;

    if (s->last_counted != address || is_sealed(s, address) || !is_flat(uc, s, address, bytes))
        return false;
    s->reg_read(uc, (int)s->rcx_id, &rcx);
    s->reg_read(uc, (int)s->rsp_id, &rsp);
    if (rcx != s->counted_rcx || rsp != s->counted_rsp)
        return false;
    return !is_jump(s->ram + address, s->ram + address + bytes);
}

/* For tests. */
bool s5_is_jump(const uint8_t *code, uint64_t bytes)
{
    return is_jump(code, code + bytes);
}

/* A block has been translated and not yet executed: it must be vetted first. */
void s5_edge(void *uc, struct translated_block *now, struct translated_block *before, struct state *s)
{
    (void)before;
    if (s->tail)
        return;
    if (s->reason == NONE)
        settle(s);
    s->translated += now->instructions;
    bool is_full = s->translated > TRANSLATED_MAX;
    if (s->counted != NULL)
        is_full |= !s5_put_count(s, now->pc, now->bytes, now->instructions);
    if (is_full && s->reason == NONE)
        stop(uc, s, FULL);
    ask_for_vetting(uc, s, now->pc, now->bytes, now->instructions);
}

/* A block at which the emulator was once started is about to run. */
void s5_entry(void *uc, uint64_t address, uint32_t size, struct state *s)
{
    if (s->passed_entry == address)
        s->passed_entry = NOWHERE;
    else
        ask_for_vetting(uc, s, address, size, 0);
}

/* Bound to every block while instructions are counted: the first one has not been reported. */
void s5_first(void *uc, uint64_t pc, uint32_t bytes, struct state *s)
{
    if (s->reason != NONE || !s->starting)
        return;
    s->starting = 0;
    if (s->passed_entry != pc)
        ask_for_vetting(uc, s, pc, bytes, 0);
    s->passed_entry = NOWHERE;
}

static void stop_before(void *uc, struct state *s, enum reason reason, uint64_t pc, uint64_t bytes)
{
    s->address = pc;
    s->size = bytes;
    stop(uc, s, reason);
}

/* Bound to every block while blocks are counted. */
void s5_block(void *uc, uint64_t pc, uint32_t bytes, struct state *s)
{
    uint64_t instructions;

    if (s->reason != NONE)
        return;
    settle(s);
    if (s->tail) {
        s->starting = 0;
        instructions = s->target - s->count;
    } else {
        s5_first(uc, pc, bytes, s);
        if (s->reason != NONE)
            return;
        instructions = counted_slot(s, pc, bytes)->instructions;
        if (s->interrupted)
            stop_before(uc, s, INTERRUPT, pc, bytes);
        else if (instructions == 0)
            stop_before(uc, s, UNKNOWN, pc, bytes);
        else if (instructions > s->target - s->count)
            stop_before(uc, s, TARGET, pc, bytes);
        if (s->reason != NONE)
            return;
    }
    if (s->arrived_at != pc)
        s->arrived_at = NOWHERE;
    s->current = instructions;
    s->block = pc;
    s->block_bytes = bytes;
    reach(s, pc, bytes);
}

static void note(struct state *s, struct note now)
{
    if (s->hits == 0)
        s->first = now;
    s->hits++;
    s->last_but_one = s->last;
    s->last = now;
}

/* Whether the guest must stop at a place, before the instruction there. */
static bool stops_at(void *uc, struct state *s, uint64_t address, uint64_t block)
{
    uint64_t uses = place_slot(s, address)->uses;

    if (s->passed_site == address) {
        s->passed_site = NOWHERE;
        return false;
    }
    bool is_arriving = s->arrived_at != address;
    if (uses & IS_REPEATED)
        s->arrived_at = address;
    if (uses & IS_NOTED && is_arriving)
        note(s, (struct note){s->count, block, address, 0, NOWHERE});
    if (uses & IS_BREAKPOINT && is_arriving && s->passed_break != address)
        stop_before(uc, s, BREAK, address, 0);
    else if (uses & IS_SITE)
        stop_before(uc, s, SITE, address, 0);
    if (uses)
        s->passed_break = NOWHERE;
    return s->reason != NONE;
}

/* A fault in an instruction with a hook spoils the lazily computed flags. */
static void keep_flags(void *uc, struct state *s, uint64_t address)
{
    s->hooked_at = address;
    s->reg_read(uc, (int)s->flags_id, &s->hooked_flags);
}

/* The guest is about to execute the instruction at a place. */
void s5_place(void *uc, uint64_t address, uint32_t size, struct state *s)
{
    (void)size;
    if (s->reason == NONE && !stops_at(uc, s, address, s->block))
        keep_flags(uc, s, address);
}

/* Bound to every instruction while instructions are counted. */
void s5_count(void *uc, uint64_t address, uint32_t size, struct state *s)
{
    if (s->reason != NONE || is_begun_again(uc, s, address, size))
        return;
    reach(s, address, size);
    if (s->arrived_at != address)
        s->arrived_at = NOWHERE;
    if (s->watched)
        stop(uc, s, WATCHED);
    else if (s->count >= s->target)
        stop(uc, s, TARGET);
    else if (s->interrupted)
        stop(uc, s, INTERRUPT);
    else if (!stops_at(uc, s, address, address)) {
        s->count++;
        s->last_counted = address;
        executed(s, address, size);
        keep_flags(uc, s, address);
        if (!is_sealed(s, address)) {
            s->reg_read(uc, (int)s->rcx_id, &s->counted_rcx);
            s->reg_read(uc, (int)s->rsp_id, &s->counted_rsp);
        }
        return;
    }
    s->last_counted = NOWHERE;
}

static bool is_same_instruction(const struct note *a, const struct note *b)
{
    return a->count == b->count && a->block == b->block && a->rip == b->rip;
}

static void accessed(void *uc, struct state *s, uint64_t index, uint64_t gpa)
{
    struct note now = {s->count, s->block, 0, gpa, index};

    s->reg_read(uc, (int)s->noted_ids[0], &now.rip);
    if (s->watches[index].stops) {
        if (s->watched)
            return;
        s->watched = 1;
        s->watch = index;
        s->reg_read(uc, (int)s->cr2_id, &s->watched_cr2);
        return;
    }
    if (!s->by_blocks) {
        now.count--;
        now.block = now.rip;
    }
    if (s->hits == 0 || s->last.watch == NOWHERE || !is_same_instruction(&s->last, &now))
        note(s, now);
}

/* The guest accesses memory near some that is watched. */
void s5_access(void *uc, int type, uint64_t gpa, int size, int64_t value, struct state *s)
{
    uint64_t end = gpa + (uint64_t)size;
    uint64_t access = type == UC_MEM_WRITE ? 1 : 2;

    (void)value;
    if (s->reason != NONE || end > s->ram_bytes)
        return;
    if (!s->watched_pages[gpa >> 12] && !s->watched_pages[(end - 1) >> 12])
        return;
    for (uint64_t i = 0; i < s->watches_count; i++) {
        const struct watch *watch = &s->watches[i];
        if (watch->accesses & access && gpa < watch->end && end > watch->start)
            accessed(uc, s, i, gpa > watch->start ? gpa : watch->start);
    }
}

void s5_exception(void *uc, uint32_t vector, struct state *s)
{
    if (s->reason != NONE)
        return;
    s->detail = vector;
    stop(uc, s, EXCEPTION);
}

bool s5_invalid(void *uc, struct state *s)
{
    if (s->reason == NONE)
        stop(uc, s, INVALID);
    return true; /* handled: Python delivers #UD */
}

/* The host refuses an access that the guest's page tables allow. */
bool s5_memory(void *uc, int type, uint64_t address, int size, int64_t value, struct state *s)
{
    (void)uc, (void)size, (void)value;
    if (s->reason == NONE) {
        s->reason = MEMORY;
        s->address = address;
        s->detail = (uint64_t)type;
    }
    return false;
}

/*
 * Unicorn aborts, or reads where nothing is, on some code that a guest can contrive, and no hook runs
 * before it is translated. Such a signal ends the emulation and not the process; the instance is lost.
 */
static const int fatal_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define FATAL_SIGNALS (sizeof fatal_signals / sizeof fatal_signals[0])
static struct sigaction previous[FATAL_SIGNALS];
static _Thread_local sigjmp_buf way_out;
static _Thread_local volatile sig_atomic_t is_emulating;

static void on_fatal_signal(int number)
{
    if (is_emulating) {
        is_emulating = 0;
        siglongjmp(way_out, number);
    }
    /* Not ours: as if nobody had caught it. A fault occurs again on return. */
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        if (fatal_signals[i] == number)
            sigaction(number, &previous[i], NULL);
    if (number == SIGABRT)
        raise(number);
}

/* Once in a process, before the first s5_start. */
void s5_catch_crashes(void)
{
    struct sigaction action = {.sa_handler = on_fatal_signal, .sa_flags = SA_NODEFER};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        sigaction(fatal_signals[i], &action, &previous[i]);
}

/* uc_emu_start with a note of some registers; a crash only sets `crashed` and gives -1. */
int s5_start(void *uc, uint64_t pc, struct state *s)
{
    int error = 0;
    int number = sigsetjmp(way_out, 0);

    if (number != 0) {
        s->crashed = (uint64_t)number;
        return -1;
    }
    s->starting = 1;
    is_emulating = 1;
    error = s->emu_start(uc, pc, 0, 0, 0);
    is_emulating = 0;
    s->reg_read(uc, (int)s->noted_ids[0], &s->rip);
    s->reg_read(uc, (int)s->noted_ids[1], &s->rax);
    s->reg_read(uc, (int)s->noted_ids[2], &s->rdx);
    return error;
}
