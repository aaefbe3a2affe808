/* Any system call, and what it leaves in the registers that it may change. */
#ifndef SYSCALLS_LINUX_H
#define SYSCALLS_LINUX_H

#include <stdint.h>

struct linux_result {
    uint64_t rax, rcx, r11;
    uint64_t behind; /* the address behind the instruction */
};

struct linux_arguments {
    uint64_t rdi, rsi, rdx, r10, r8, r9;
};

/* Makes the call, and stores in *arguments what is in their registers after it. */
struct linux_result linux_call(uint64_t number, struct linux_arguments *arguments);

enum {
    NR_READ = 0,
    NR_WRITE = 1,
    NR_LSEEK = 8,
    NR_PREAD64 = 17,
    NR_PWRITE64 = 18,
    NR_DUP = 32,
    NR_ARCH_PRCTL = 158,
    NR_CLOCK_GETTIME = 228,
    NR_EXIT_GROUP = 231,
    NR_EPOLL_PWAIT = 281,
    NR_TIMERFD_SETTIME = 286
};

enum { E_PERM = 1, E_AGAIN = 11, E_FAULT = 14, E_INVAL = 22 };

#endif
