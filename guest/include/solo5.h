/*
 * The interface between a unikernel and the bindings it is linked with.
 *
 * One processor, one context, no interrupts: every call returns to its caller
 * or ends the unikernel.  Only solo5_yield() waits.  Calls that return a
 * solo5_result_t report SOLO5_R_OK on success.
 */
#ifndef SOLO5_H
#define SOLO5_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SOLO5_R_OK = 0,      /* done */
    SOLO5_R_AGAIN = 1,   /* not now; the same call may work later */
    SOLO5_R_EINVAL = 2,  /* an argument is wrong */
    SOLO5_R_EUNSPEC = 3  /* failed, with no further description */
} solo5_result_t;

typedef uint64_t solo5_time_t;       /* nanoseconds */
typedef uint64_t solo5_off_t;        /* bytes from the start of a block device */
typedef uint64_t solo5_handle_t;     /* index of a device in the manifest */
typedef uint64_t solo5_handle_set_t; /* bit n stands for handle n */

/* Statuses of 255 and above belong to Solo5 itself. */
#define SOLO5_EXIT_SUCCESS 0
#define SOLO5_EXIT_FAILURE 1
#define SOLO5_EXIT_ABORT 255

/* Start of day */

struct solo5_start_info {
    const char *cmdline;  /* never NULL, without the options meant for Solo5 */
    uintptr_t heap_start; /* page aligned */
    size_t heap_size;     /* bytes; the initial stack grows down from the end */
};

/* Provided by the application; its result is given to solo5_exit(). */
int solo5_app_main(const struct solo5_start_info *info);

void solo5_exit(int status) __attribute__((noreturn));
void solo5_abort(void) __attribute__((noreturn));

/* Thread-local storage, local-exec model.
 *
 * The application allocates solo5_tls_size() zeroed bytes for each thread,
 * prepares them with solo5_tls_init() and, to switch threads, passes the
 * result of solo5_tls_tp_offset() to solo5_set_tls_base(). */

size_t solo5_tls_size(void);
uintptr_t solo5_tls_tp_offset(uintptr_t tls);
solo5_result_t solo5_tls_init(uintptr_t tls);
solo5_result_t solo5_set_tls_base(uintptr_t base);

/* Time, in nanoseconds: monotonic from an arbitrary zero, wall from 1970 UTC. */

solo5_time_t solo5_clock_monotonic(void);
solo5_time_t solo5_clock_wall(void);

/* Waits until the monotonic clock reaches the deadline or a network device can
 * be read, and stores the readable devices in *ready_set unless it is NULL.
 * May return early. */
void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set);

/* Console: output only, cannot fail, may be lost. */

void solo5_console_write(const char *buf, size_t size);

/* Network: whole Ethernet frames, header included, check sequence excluded. */

#define SOLO5_NET_ALEN 6  /* hardware address, bytes */
#define SOLO5_NET_HLEN 14 /* Ethernet header, bytes */

struct solo5_net_info {
    uint8_t mac_address[SOLO5_NET_ALEN];
    size_t mtu; /* bytes, without the Ethernet header */
};

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle,
                                 struct solo5_net_info *info);

/* Sends one frame of at most mtu + SOLO5_NET_HLEN bytes, without a promise
 * that it arrives. */
solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size);

/* Takes one frame, SOLO5_R_AGAIN if there is none; size must be at least
 * mtu + SOLO5_NET_HLEN. */
solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size,
                              size_t *read_size);

/* Block devices: one whole block per call. */

struct solo5_block_info {
    solo5_off_t capacity;   /* bytes, a multiple of block_size */
    solo5_off_t block_size; /* bytes, a power of two */
};

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
                                   struct solo5_block_info *info);
solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset,
                                 const uint8_t *buf, size_t size);
solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset,
                                uint8_t *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
