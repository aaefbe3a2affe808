/*
 * What every Solo5 image carries for tools that read the ELF file: a false
 * program interpreter, a note that names target and ABI version, and a note
 * that lets OpenBSD take the file for its own.
 */
#ifndef ELF_ABI_H
#define ELF_ABI_H

#include <stdint.h>

#define SOLO5_NOTE_NAME "Solo5"
#define SOLO5_NOTE_NAME_SIZE 6 /* with its NUL; padded to 8 in the file */

/* Elf64_Nhdr followed by the padded owner name: 20 bytes. */
struct solo5_note_header {
    uint32_t namesz;
    uint32_t descsz;
    uint32_t type;
    char name[8];
};

#define ABI1_NOTE_TYPE 0x31494241u /* "ABI1" */
#define ABI1_NOTE_MAX_SIZE 32u     /* largest descsz a tender accepts */

enum abi_target {
    HVT_ABI_TARGET = 1,
    SPT_ABI_TARGET = 2,
    VIRTIO_ABI_TARGET = 3,
    MUEN_ABI_TARGET = 4,
    GENODE_ABI_TARGET = 5,
    XEN_ABI_TARGET = 6
};

struct abi1_info {
    uint32_t abi_target;
    uint32_t abi_version;
    uint32_t reserved0;
    uint32_t reserved1;
};

struct abi1_note {
    struct solo5_note_header header;
    struct abi1_info abi;
};

struct openbsd_note {
    struct solo5_note_header header;
    uint32_t contents;
};

#define ELF_ABI_SECTION(name, alignment) \
    __attribute__((used, section(name), aligned(alignment)))

/* Declares the ABI note of an image for the given target and version. */
#define ABI1_NOTE_DECLARE(target, version)                                  \
    static const struct abi1_note __solo5_abi1_note                         \
        ELF_ABI_SECTION(".note.solo5.abi", 4) = {                           \
            .header = {.namesz = SOLO5_NOTE_NAME_SIZE,                      \
                       .descsz = sizeof(struct abi1_info),                  \
                       .type = ABI1_NOTE_TYPE,                              \
                       .name = SOLO5_NOTE_NAME},                            \
            .abi = {.abi_target = (target), .abi_version = (version)}};

/* Without this note OpenBSD would not look at the interpreter at all. */
#define OPENBSD_NOTE_DECLARE                                                \
    static const struct openbsd_note __solo5_openbsd_note                   \
        ELF_ABI_SECTION(".note.solo5.not_openbsd", 4) = {                   \
            .header = {.namesz = 8, .descsz = 4, .type = 1,                 \
                       .name = "OpenBSD"}};

/* An interpreter that cannot exist: the host refuses to run the image. The
 * trailing slash makes opening it fail even if there is such a file. */
#define FAKE_INTERP_DECLARE                                                 \
    static const char __fake_interp[24] ELF_ABI_SECTION(".interp", 8) =     \
        "/nonexistent/solo5/";

#endif
