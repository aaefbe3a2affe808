/*
 * Callbacks that Unicorn runs while a guest executes. They decide nothing: each notes in `state` why
 * the guest should stop and asks Unicorn to stop; Python looks at the note. The twin in callbacks.py
 * does the same in Python where this file could not be compiled.
 *
 * Unicorn still calls an inline hook once after a stop was asked for: `reason` guards every entry.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reason { NONE, SITE, VET, EXCEPTION, INVALID, MEMORY, TARGET };

#define VETTED_SLOTS (1u << 15) /* a power of two; a collision only costs one more vetting */

struct vetted {
    uint64_t pc;
    uint64_t fingerprint; /* of the block's length and bytes; 0 is never stored */
};

struct state {
    uint64_t reason;
    uint64_t address; /* SITE, VET: virtual; MEMORY: physical */
    uint64_t size;    /* VET: bytes in the block */
    uint64_t detail;  /* EXCEPTION: vector; MEMORY: uc_mem_type */
    uint64_t count;   /* instructions begun since counting was switched on */
    uint64_t target;  /* stop before instruction number `target` */
    uint64_t last_counted;
    uint64_t flat_cr3; /* the page tables under which virtual equals physical */
    const uint8_t *ram;
    uint64_t ram_bytes;
    struct vetted *vetted;
    uint8_t *code_pages; /* one byte a page: 1 where code was ever translated */
    int (*emu_stop)(void *uc);
    int (*reg_read)(void *uc, int id, void *value);
    int64_t cr3_id;
};

/* uc_tb of unicorn.h: what an UC_HOOK_EDGE_GENERATED callback is told about a block. */
struct translated_block {
    uint64_t pc;
    uint16_t instructions;
    uint16_t bytes;
};

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

/* No false negatives; the same bytes as `_INTERESTING` in sites.py. */
static bool may_hold_site(const uint8_t *code, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        uint8_t b = code[i];
        if (b == 0x0f && i + 1 < bytes) {
            uint8_t n = code[i + 1];
            if (n == 0x01 || n == 0x31 || n == 0x32 || n == 0x33 || n == 0xa2 || n == 0xc7)
                return true;
        }
        if (b == 0x62 || (b >= 0x6c && b <= 0x6f) || b == 0xc4 || b == 0xc5 ||
            (b >= 0xe4 && b <= 0xe7) || (b >= 0xec && b <= 0xef) || b == 0xf4)
            return true;
    }
    return false;
}

static bool is_flat(void *uc, struct state *s, uint64_t pc, uint64_t bytes)
{
    uint64_t cr3 = 0;
    s->reg_read(uc, (int)s->cr3_id, &cr3);
    return cr3 == s->flat_cr3 && bytes > 0 && pc < s->ram_bytes && bytes <= s->ram_bytes - pc;
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

/* A block has been translated and not yet executed: it must be vetted first. */
void s5_edge(void *uc, struct translated_block *now, struct translated_block *before, struct state *s)
{
    (void)before;
    if (s->reason != NONE)
        return;
    if (is_flat(uc, s, now->pc, now->bytes)) {
        const uint8_t *code = s->ram + now->pc;
        s->code_pages[now->pc >> 12] = 1;
        s->code_pages[(now->pc + now->bytes - 1) >> 12] = 1;
        struct vetted *entry = slot(s, now->pc);
        if (entry->pc == now->pc && entry->fingerprint == fingerprint(code, now->bytes))
            return;
        if (!may_hold_site(code, now->bytes))
            return;
    }
    s->address = now->pc;
    s->size = now->bytes;
    stop(uc, s, VET);
}

/* The guest is about to execute a known site. */
void s5_site(void *uc, uint64_t address, uint32_t size, struct state *s)
{
    (void)size;
    if (s->reason != NONE)
        return;
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
