/*
 * The spt ABI, version 2, on Linux: what the tender puts in memory before the
 * first instruction.  Afterwards a guest makes system calls, and the tender's
 * filter ends it for any that the bindings do not need.
 */
#ifndef SPT_ABI_H
#define SPT_ABI_H

#include <stddef.h>
#include <stdint.h>

#define SPT_ABI_VERSION 2
#define SPT_GUEST_MIN_BASE 0x100000
#define SPT_HOST_MEM_BASE 0x10000
#define SPT_BOOT_INFO_BASE 0x11000
#define SPT_CMDLINE_SIZE 8192

/* The data of the timer's event in the set; that of a network device's event is
 * the index of its manifest entry. */
#define SPT_INTERNAL_TIMERFD 0xfffffffeu

struct mft;

/* 40 bytes, at SPT_BOOT_INFO_BASE, which is also given to _start. */
struct spt_boot_info {
    uint64_t mem_size;   /* end of the memory that the guest may use */
    uint64_t kernel_end; /* end of the loaded segments, without .bss */
    const char *cmdline;
    const struct mft *mft; /* with host descriptors */
    int epollfd;
    int timerfd;
};

_Static_assert(sizeof(struct spt_boot_info) == 40, "spt_boot_info");
_Static_assert(offsetof(struct spt_boot_info, timerfd) == 36, "spt_boot_info");

#endif
