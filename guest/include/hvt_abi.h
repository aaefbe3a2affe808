/*
 * The hvt ABI, version 2, on x86-64: what the tender puts in memory before the
 * first instruction, and the hypercalls a guest makes afterwards.
 *
 * A hypercall is a 32-bit OUT of the guest-physical address of a structure to
 * port HVT_HYPERCALL_PIO_BASE + number.  Outputs are in the structure when the
 * instruction has retired.  Structures and buffers must lie below 4 GiB.
 */
#ifndef HVT_ABI_H
#define HVT_ABI_H

#include <stddef.h>
#include <stdint.h>

#define HVT_ABI_VERSION 2
#define HVT_GUEST_MIN_BASE 0x100000
#define HVT_HYPERCALL_PIO_BASE 0x500
#define HVT_HYPERCALL_MMIO_BASE 0x100000000
#define HVT_RING_KICK_PIO_BASE 0x600
#define HVT_RING_KICK_MMIO_BASE 0x100000100
#define HVT_CMDLINE_SIZE 8192
#define HVT_HALT_COOKIE_MAX 512
#define HVT_FEATURE_RING_IO 1u

typedef uint64_t hvt_gpa_t; /* guest-physical address, equal to the virtual one */

/* 56 bytes, at the address given to _start. */
struct hvt_boot_info {
    uint64_t mem_size;       /* bytes the guest may use, from address 0 */
    uint64_t kernel_end;     /* end of the loaded segments, without .bss */
    uint64_t cpu_cycle_freq; /* Hz */
    hvt_gpa_t cmdline;
    hvt_gpa_t mft;
    uint32_t host_features;
    uint32_t guest_features;
    hvt_gpa_t net_ring; /* 0: none */
};

enum hvt_hypercall {
    HVT_HYPERCALL_WALLTIME = 1,
    HVT_HYPERCALL_PUTS = 2,
    HVT_HYPERCALL_POLL = 3,
    HVT_HYPERCALL_BLOCK_WRITE = 4,
    HVT_HYPERCALL_BLOCK_READ = 5,
    HVT_HYPERCALL_NET_WRITE = 6,
    HVT_HYPERCALL_NET_READ = 7,
    HVT_HYPERCALL_HALT = 8,
    HVT_HYPERCALL_MAX = 9
};

struct hvt_hc_walltime {
    uint64_t nsecs; /* out, since 1970 UTC */
};

struct hvt_hc_puts {
    hvt_gpa_t data;
    uint64_t len; /* bytes */
};

struct hvt_hc_poll {
    uint64_t timeout_nsecs; /* relative */
    uint64_t ready_set;     /* out, bit n: manifest entry n can be read */
    int32_t ret;            /* out, number of bits set */
};

struct hvt_hc_block_write {
    uint64_t handle;
    uint64_t offset; /* bytes */
    hvt_gpa_t data;
    uint64_t len; /* bytes */
    int32_t ret;  /* out, SOLO5_R_* */
};

struct hvt_hc_block_read {
    uint64_t handle;
    uint64_t offset; /* bytes */
    hvt_gpa_t data;
    uint64_t len; /* bytes */
    int32_t ret;  /* out, SOLO5_R_* */
};

struct hvt_hc_net_write {
    uint64_t handle;
    hvt_gpa_t data;
    uint64_t len; /* bytes */
    int32_t ret;  /* out, SOLO5_R_* */
};

struct hvt_hc_net_read {
    uint64_t handle;
    hvt_gpa_t data;
    uint64_t len; /* bytes: size of the buffer in, of the frame out */
    int32_t ret;  /* out, SOLO5_R_* */
};

struct hvt_hc_halt {
    hvt_gpa_t cookie; /* 0, or at least HVT_HALT_COOKIE_MAX readable bytes */
    int32_t exit_status;
};

/* The compiler must have stored the inputs before, and must reload the outputs
 * after: hence the memory clobber. */
static inline void hvt_hypercall(enum hvt_hypercall number, volatile void *arg)
{
    __asm__ __volatile__("outl %0, %w1"
                         :
                         : "a"((uint32_t)(uintptr_t)arg),
                           "d"(HVT_HYPERCALL_PIO_BASE + (int)number)
                         : "memory");
}

_Static_assert(sizeof(struct hvt_boot_info) == 56, "hvt_boot_info");
_Static_assert(offsetof(struct hvt_boot_info, net_ring) == 48, "hvt_boot_info");
_Static_assert(sizeof(struct hvt_hc_poll) == 24, "hvt_hc_poll");
_Static_assert(offsetof(struct hvt_hc_block_write, ret) == 32, "hvt_hc_block_write");
_Static_assert(offsetof(struct hvt_hc_block_read, ret) == 32, "hvt_hc_block_read");
_Static_assert(offsetof(struct hvt_hc_net_write, ret) == 24, "hvt_hc_net_write");
_Static_assert(offsetof(struct hvt_hc_net_read, ret) == 24, "hvt_hc_net_read");
_Static_assert(offsetof(struct hvt_hc_halt, exit_status) == 8, "hvt_hc_halt");

#endif
