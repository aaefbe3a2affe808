/* The host as the agent sees it: system calls and clocks. */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H

#include "layout.h"

/* asm/unistd_64.h, asm-generic/errno.h, asm-generic/poll.h, linux/time.h */
#define NR_READ 0
#define NR_WRITE 1
#define NR_PREAD64 17
#define NR_PWRITE64 18
#define NR_CLOCK_GETTIME 228
#define NR_PPOLL 271
#define EINTR 4
#define EAGAIN 11
#define POLLIN 0x001
#define POLLOUT 0x004
#define POLLERR 0x008
#define POLLNVAL 0x020
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1

#define NS_PER_S 1000000000ul

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() __asm__ volatile("" ::: "memory")

struct timespec {
    int64_t sec;
    int64_t nsec;
};

struct pollfd {
    int32_t fd;
    uint16_t events;
    uint16_t revents;
};

static inline int64_t system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d,
                                  int64_t e)
{
    register int64_t r10 __asm__("r10") = d;
    register int64_t r8 __asm__("r8") = e;
    int64_t result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t clock_ns(int32_t clock)
{
    typedef int32_t gettime(int32_t, struct timespec *);
    struct timespec time;

    if (likely(control->clock_gettime != 0))
        ((gettime *)control->clock_gettime)(clock, &time);
    else
        system_call(NR_CLOCK_GETTIME, clock, (int64_t)&time, 0, 0, 0);
    return (uint64_t)time.sec * NS_PER_S + (uint64_t)time.nsec;
}

#endif
