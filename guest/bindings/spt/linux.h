/*
 * The system calls of Linux on x86-64 that the tender's filter lets through.  They
 * return what the kernel does: errors are negative.
 */
#ifndef BINDINGS_SPT_LINUX_H
#define BINDINGS_SPT_LINUX_H

#include <stddef.h>
#include <stdint.h>

/* Macros, because their values become part of instructions. */
#define SYS_read 0
#define SYS_write 1
#define SYS_pread64 17
#define SYS_pwrite64 18
#define SYS_arch_prctl 158
#define SYS_clock_gettime 228
#define SYS_exit_group 231
#define SYS_epoll_pwait 281
#define SYS_timerfd_settime 286

#define LINUX_EINTR 4
#define LINUX_EAGAIN 11

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define ARCH_SET_FS 0x1002
#define TFD_TIMER_ABSTIME 1

struct linux_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

struct linux_itimerspec {
    struct linux_timespec it_interval;
    struct linux_timespec it_value;
};

/* Packed on x86-64, so that it is the same for 32-bit processes. */
struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));

_Static_assert(sizeof(struct linux_timespec) == 16, "timespec");
_Static_assert(sizeof(struct linux_itimerspec) == 32, "itimerspec");
_Static_assert(sizeof(struct linux_epoll_event) == 12, "epoll_event");

/* The number is always loaded by the instruction before: seven bytes in all, of the same form
 * for every call, so that tools can recognise the place and put something else there. */
#define LINUX_CALL(number, result, ...)                                   \
    __asm__ __volatile__("movl %[nr], %%eax\n\tsyscall"                   \
                         : "=&a"(result)                                  \
                         : [nr] "i"(number), __VA_ARGS__                  \
                         : "rcx", "r11", "memory")

static inline int64_t linux_read(int fd, void *buf, size_t size)
{
    int64_t result;

    LINUX_CALL(SYS_read, result, "D"((int64_t)fd), "S"(buf), "d"(size));
    return result;
}

static inline int64_t linux_write(int fd, const void *buf, size_t size)
{
    int64_t result;

    LINUX_CALL(SYS_write, result, "D"((int64_t)fd), "S"(buf), "d"(size));
    return result;
}

static inline int64_t linux_pread64(int fd, void *buf, size_t size, uint64_t offset)
{
    register uint64_t r10 __asm__("r10") = offset;
    int64_t result;

    LINUX_CALL(SYS_pread64, result, "D"((int64_t)fd), "S"(buf), "d"(size), "r"(r10));
    return result;
}

static inline int64_t linux_pwrite64(int fd, const void *buf, size_t size, uint64_t offset)
{
    register uint64_t r10 __asm__("r10") = offset;
    int64_t result;

    LINUX_CALL(SYS_pwrite64, result, "D"((int64_t)fd), "S"(buf), "d"(size), "r"(r10));
    return result;
}

static inline int64_t linux_clock_gettime(int64_t clock, struct linux_timespec *now)
{
    int64_t result;

    LINUX_CALL(SYS_clock_gettime, result, "D"(clock), "S"(now));
    return result;
}

static inline int64_t linux_timerfd_settime(int fd, int64_t flags,
                                            const struct linux_itimerspec *value)
{
    register const void *r10 __asm__("r10") = NULL; /* the old value */
    int64_t result;

    LINUX_CALL(SYS_timerfd_settime, result, "D"((int64_t)fd), "S"(flags), "d"(value), "r"(r10));
    return result;
}

static inline int64_t linux_epoll_pwait(int fd, struct linux_epoll_event *events, int count,
                                        int timeout_ms)
{
    register int64_t r10 __asm__("r10") = timeout_ms;
    register const void *r8 __asm__("r8") = NULL; /* the signal mask */
    register size_t r9 __asm__("r9") = 0;
    int64_t result;

    LINUX_CALL(SYS_epoll_pwait, result, "D"((int64_t)fd), "S"(events), "d"((int64_t)count),
               "r"(r10), "r"(r8), "r"(r9));
    return result;
}

static inline int64_t linux_arch_prctl(int64_t code, uintptr_t address)
{
    int64_t result;

    LINUX_CALL(SYS_arch_prctl, result, "D"(code), "S"(address));
    return result;
}

static inline void linux_exit_group(int status)
{
    int64_t result;

    LINUX_CALL(SYS_exit_group, result, "D"((int64_t)status));
}

#endif
