/* The sources of randomness that a processor offers give different values. */
#include <stdbool.h>

#include "cpuid.h"
#include "print.h"
#include "solo5.h"

#define TRIES 10 /* Intel's advice for a generator that is busy */

static uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static uint64_t rdrand(void)
{
    uint64_t value = 0;
    uint8_t good = 0;

    for (int i = 0; i < TRIES && !good; i++)
        __asm__ __volatile__("rdrand %0\n\tsetc %1" : "=r"(value), "=q"(good) : : "cc");
    return value;
}

static uint64_t rdseed(void)
{
    uint64_t value = 0;
    uint8_t good = 0;

    for (int i = 0; i < TRIES && !good; i++)
        __asm__ __volatile__("rdseed %0\n\tsetc %1" : "=r"(value), "=q"(good) : : "cc");
    return value;
}

static bool differs(const char *name, bool offered, uint64_t (*read)(void))
{
    if (!offered) {
        printf("%s: not offered\n", name);
        return true;
    }

    const uint64_t first = read();
    const uint64_t second = read();

    printf("%s: %s\n", name, first != second ? "differs" : "REPEATS");
    return first != second;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    bool good;

    (void)info;
    print("\n**** Solo5 standalone test_entropy ****\n\n");
    good = differs("rdtsc", true, rdtsc);
    good &= differs("rdrand", cpuid_offers_rdrand(), rdrand);
    good &= differs("rdseed", cpuid_offers_rdseed(), rdseed);
    print(good ? "SUCCESS\n" : "FAILURE\n");
    return good ? SOLO5_EXIT_SUCCESS : SOLO5_EXIT_FAILURE;
}
