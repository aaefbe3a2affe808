/*
 * A guest with every kind of position in a short run: in the midst of repeated instructions,
 * before and behind hypercalls and trapped instructions, and at an exception.
 */
#include "print.h"
#include "solo5.h"

static uint8_t source[300], target[300];

static uint64_t tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void copy(void)
{
    void *to = target, *from = source;
    size_t size = sizeof source;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

static void fill(uint64_t value)
{
    void *to = source;
    size_t size = sizeof source / 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(size) : "a"(value) : "memory");
}

static size_t equal_bytes(void)
{
    const void *one = target, *other = source;
    size_t left = sizeof source;
    __asm__ volatile("repe cmpsb" : "+D"(one), "+S"(other), "+c"(left)::"memory", "cc");
    return sizeof source - left;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    solo5_handle_set_t ready;
    uint64_t sum = info->heap_size;

    for (int round = 0; round < 6; round++) {
        fill(sum + tsc());
        source[40 * round] ^= 1;
        copy();
        source[50 * round] ^= 2;
        sum += equal_bytes() + solo5_clock_wall();
        print(round % 2 ? "odd\n" : "even\n");
        solo5_yield(solo5_clock_monotonic() + 1000, &ready);
    }
    __asm__ volatile("ud2");
    return (int)sum;
}
