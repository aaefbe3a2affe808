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

#include "_opcodes.h"

enum reason { NONE, SITE, VET, EXCEPTION, INVALID, MEMORY, TARGET, FULL };

#define NOWHERE (UINT64_C(1) << 63) /* not canonical: no instruction can lie there */

/*
 * Instructions to translate before all is forgotten. At up to 1 KiB each they stay below what Unicorn
 * has room for: it would make room by itself, and not report the block that it translates next.
 */
#define TRANSLATED_MAX 450000

#define VETTED_SLOTS (1u << 15) /* a power of two; a collision only costs one more vetting */

struct vetted {
    uint64_t pc;
    uint64_t fingerprint; /* of the block's length and bytes; 0 is never stored */
};

struct state {
    uint64_t reason;
    uint64_t address; /* SITE, VET: virtual; MEMORY: physical */
    uint64_t size;    /* VET: bytes in the block */
    uint64_t instructions; /* VET: instructions in the block, 0 when not known */
    uint64_t detail;  /* EXCEPTION: vector; MEMORY: uc_mem_type */
    uint64_t count;   /* instructions begun since counting was switched on */
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

/* A block has been translated and not yet executed: it must be vetted first. */
void s5_edge(void *uc, struct translated_block *now, struct translated_block *before, struct state *s)
{
    (void)before;
    s->translated += now->instructions;
    if (s->translated > TRANSLATED_MAX && s->reason == NONE)
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

/* The guest is about to execute a known site. */
void s5_site(void *uc, uint64_t address, uint32_t size, struct state *s)
{
    (void)size;
    if (s->reason != NONE)
        return;
    if (s->passed_site == address) {
        s->passed_site = NOWHERE;
        return;
    }
    s->address = address;
    stop(uc, s, SITE);
}

/* Bound to every instruction while somebody counts. */
void s5_count(void *uc, uint64_t address, uint32_t size, struct state *s)
{
    (void)size;
    if (s->reason != NONE)
        return;
    if (s->count >= s->target) {
        stop(uc, s, TARGET);
        return;
    }
    s->count++;
    s->last_counted = address;
    /* A fault in an instruction with a hook spoils the lazily computed flags. */
    s->hooked_at = address;
    s->reg_read(uc, (int)s->flags_id, &s->hooked_flags);
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
    is_emulating = 1;
    error = s->emu_start(uc, pc, 0, 0, 0);
    is_emulating = 0;
    s->reg_read(uc, (int)s->noted_ids[0], &s->rip);
    s->reg_read(uc, (int)s->noted_ids[1], &s->rax);
    s->reg_read(uc, (int)s->noted_ids[2], &s->rdx);
    return error;
}
