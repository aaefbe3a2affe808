/* The few x86-64 instructions that C has no words for, and that any guest may use. */
#ifndef X86_64_CPU_H
#define X86_64_CPU_H

#include <stdint.h>

static inline uint64_t cpu_cycles(void)
{
    uint32_t low, high;

    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
