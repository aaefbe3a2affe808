/* The CPUID instruction. */
#ifndef LIB_CPUID_H
#define LIB_CPUID_H

#include <stdint.h>

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid result;

    __asm__ __volatile__("cpuid"
                         : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx),
                           "=d"(result.edx)
                         : "a"(leaf), "c"(subleaf));
    return result;
}

static inline int cpuid_offers_rdrand(void)
{
    return cpuid(0, 0).eax >= 1 && (cpuid(1, 0).ecx >> 30 & 1);
}

static inline int cpuid_offers_rdseed(void)
{
    return cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx >> 18 & 1);
}

static inline int cpuid_offers_rdtscp(void)
{
    return cpuid(0x80000000, 0).eax >= 0x80000001 && (cpuid(0x80000001, 0).edx >> 27 & 1);
}

#endif
