/* The host as the agent sees it: system calls, clocks, memory, checksums. */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H

#include "layout.h"

/* asm/unistd_64.h, asm-generic/errno.h, linux/poll.h, linux/time.h */
#define NR_READ 0
#define NR_WRITE 1
#define NR_PREAD64 17
#define NR_PWRITE64 18
#define NR_CLOCK_GETTIME 228
#define NR_CLOCK_NANOSLEEP 230
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
#define ALWAYS static inline __attribute__((always_inline))

struct timespec {
    i64 sec;
    i64 nsec;
};

struct pollfd {
    i32 fd;
    u16 events;
    u16 revents;
};

ALWAYS i64 system_call(i64 number, i64 a, i64 b, i64 c, i64 d, i64 e)
{
    register i64 r10 __asm__("r10") = d;
    register i64 r8 __asm__("r8") = e;
    i64 result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

ALWAYS void copy(void *to, const void *from, u64 size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

static u64 clock_ns(i32 clock)
{
    typedef i32 gettime(i32, struct timespec *);
    struct timespec time;

    if (likely(control->clock_gettime != 0))
        ((gettime *)control->clock_gettime)(clock, &time);
    else
        system_call(NR_CLOCK_GETTIME, clock, (i64)&time, 0, 0, 0);
    return (u64)time.sec * NS_PER_S + (u64)time.nsec;
}

/* CRC-32C by the processor's own instruction, which this agent is not used without. */
static u32 checksum(const u8 *data, u64 size)
{
    u64 crc = 0xffffffff;

    for (; size >= 8; size -= 8, data += 8)
        __asm__("crc32q %1, %0" : "+r"(crc) : "m"(*(const u64 *)data));
    for (; size > 0; size--, data++)
        __asm__("crc32b %1, %0" : "+r"(crc) : "m"(*data));
    return (u32)~crc;
}

#endif
