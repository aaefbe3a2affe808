#include "linux.h"

struct linux_result linux_call(uint64_t number, struct linux_arguments *arguments)
{
    struct linux_result result = {.rax = number};
    register uint64_t rdi __asm__("rdi") = arguments->rdi;
    register uint64_t rsi __asm__("rsi") = arguments->rsi;
    register uint64_t rdx __asm__("rdx") = arguments->rdx;
    register uint64_t r10 __asm__("r10") = arguments->r10;
    register uint64_t r8 __asm__("r8") = arguments->r8;
    register uint64_t r9 __asm__("r9") = arguments->r9;
    register uint64_t r11 __asm__("r11");

    __asm__ __volatile__("leaq 1f(%%rip), %[behind]\n\t"
                         "syscall\n"
                         "1:"
                         : "+a"(result.rax), "=c"(result.rcx), "=r"(r11),
                           [behind] "=&b"(result.behind), "+r"(rdi), "+r"(rsi), "+r"(rdx),
                           "+r"(r10), "+r"(r8), "+r"(r9)
                         :
                         : "memory");
    result.r11 = r11;
    *arguments = (struct linux_arguments){rdi, rsi, rdx, r10, r8, r9};
    return result;
}
