/*
 * The application manifest: the devices a unikernel needs, as a note in its ELF
 * file and, filled in by the tender, as a table in guest memory.
 *
 * A C file that declares a manifest defines MFT_ENTRIES (devices + 1), includes
 * this header, and writes
 *
 *     MFT1_NOTE_DECLARE_BEGIN
 *     { .version = MFT_VERSION, .entries = MFT_ENTRIES, .e = { ... } }
 *     MFT1_NOTE_DECLARE_END
 *
 * where the first element of e is of type MFT_RESERVED_FIRST with no name.
 */
#ifndef MFT_ABI_H
#define MFT_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf_abi.h"

#define MFT_VERSION 1u
#define MFT_MAX_ENTRIES 64u /* the reserved one included: handles fit 64 bits */
#define MFT_NAME_SIZE 68u
#define MFT_NAME_MAX 67u

#define MFT1_NOTE_TYPE 0x3154464du /* "MFT1" */
#define MFT1_NOTE_MAX_SIZE 6668u   /* descsz with MFT_MAX_ENTRIES entries */
#define MFT1_NOTE_PADDING 4u       /* counted in descsz */

enum mft_type {
    MFT_DEV_BLOCK_BASIC = 1,
    MFT_DEV_NET_BASIC = 2,
    MFT_RESERVED_FIRST = 0x40000000
};

struct mft_block_basic {
    uint64_t capacity;   /* bytes */
    uint16_t block_size; /* bytes */
};

struct mft_net_basic {
    uint8_t mac[6];
    uint16_t mtu; /* bytes, without the Ethernet header */
};

/* 104 bytes.  u, b and attached are zero in the file. */
struct mft_entry {
    char name[MFT_NAME_SIZE];
    uint32_t type; /* enum mft_type */
    union {
        struct mft_block_basic block_basic;
        struct mft_net_basic net_basic;
    } u;
    union {
        int hostfd;
        void *data;
    } b;
    bool attached;
};

struct mft {
    uint32_t version;
    uint32_t entries;
    struct mft_entry e[];
};

#ifdef MFT_ENTRIES

/* Program headers of notes say 4-byte alignment; the linker script puts this
 * one on a page boundary, so that m is aligned as its members want. */
struct mft1_note {
    struct solo5_note_header header;
    uint8_t padding[MFT1_NOTE_PADDING];
    struct {
        uint32_t version;
        uint32_t entries;
        struct mft_entry e[MFT_ENTRIES];
    } m;
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct mft_entry) == 104, "mft_entry");
_Static_assert(offsetof(struct mft_entry, u) == 72, "mft_entry");
_Static_assert(offsetof(struct mft_entry, attached) == 96, "mft_entry");
_Static_assert(offsetof(struct mft1_note, m) == 24, "mft1_note");

#define MFT1_NOTE_DECLARE_BEGIN                                             \
    extern const struct mft1_note __solo5_mft1_note;                        \
    const struct mft1_note __solo5_mft1_note                                \
        ELF_ABI_SECTION(".note.solo5.manifest", 4) = {                      \
            .header = {.namesz = SOLO5_NOTE_NAME_SIZE,                      \
                       .descsz = sizeof(struct mft1_note) -                 \
                                 sizeof(struct solo5_note_header),          \
                       .type = MFT1_NOTE_TYPE,                              \
                       .name = SOLO5_NOTE_NAME},                            \
            .m =

#define MFT1_NOTE_DECLARE_END };

#endif

#endif
