/*
 * The instructions that read the cycle counter and the random generators, with
 * every destination register and operand size: results, untouched upper bits
 * and flags.
 *
 * Without an argument only what CPUID offers is executed; with --unconditional
 * everything.
 */
#include <stdbool.h>

#include "cpuid.h"
#include "print.h"
#include "registers.h"
#include "solo5.h"
#include "string.h"

#define TRIES 10 /* Intel's advice for a generator that is busy */

/* What instructions.S leaves behind. */
struct sample {
    uint64_t value;
    uint64_t flags;
    uint64_t rax, rdx, rcx;
};

typedef void probe(struct sample *sample);

probe sample_rdtsc, sample_rdtscp;

#define DECLARE(r64, r32, r16)                                        \
    probe sample_rdrand_##r64, sample_rdrand_##r32, sample_rdrand_##r16; \
    probe sample_rdseed_##r64, sample_rdseed_##r32, sample_rdseed_##r16;
FOR_EACH_REGISTER(DECLARE)

struct variant {
    const char *destination;
    unsigned bits;
    probe *run;
};

#define RDRAND_VARIANTS(r64, r32, r16)                                      \
    {#r64, 64, sample_rdrand_##r64}, {#r32, 32, sample_rdrand_##r32},       \
        {#r16, 16, sample_rdrand_##r16},
#define RDSEED_VARIANTS(r64, r32, r16)                                      \
    {#r64, 64, sample_rdseed_##r64}, {#r32, 32, sample_rdseed_##r32},       \
        {#r16, 16, sample_rdseed_##r16},

static const struct variant rdrand_variants[] = {FOR_EACH_REGISTER(RDRAND_VARIANTS)};
static const struct variant rdseed_variants[] = {FOR_EACH_REGISTER(RDSEED_VARIANTS)};

#define VARIANTS (sizeof rdrand_variants / sizeof rdrand_variants[0])

static bool halves_are_clear(uint64_t high, uint64_t low)
{
    return high >> 32 == 0 && low >> 32 == 0;
}

static uint64_t join(const struct sample *s)
{
    return s->rdx << 32 | s->rax;
}

static bool check_counter(const char *name, bool offered, probe *run, bool reads_rcx)
{
    struct sample first, second;

    if (!offered) {
        printf("%s: not offered\n", name);
        return true;
    }
    run(&first);
    run(&second);

    const bool right = halves_are_clear(first.rdx, first.rax) && join(&second) > join(&first) &&
                       (first.flags & FLAGS_ARITHMETIC) == FLAGS_ARITHMETIC &&
                       (reads_rcx ? first.rcx >> 32 == 0 : first.rcx == PATTERN);

    printf("%s: %s\n", name, right ? "right" : "WRONG");
    return right;
}

/* The destination must differ from what was in it before: with 16 bits that
 * fails once in a while, so all tries count. */
static bool destination_is_right(const struct variant *variant, uint64_t value)
{
    switch (variant->bits) {
    case 64:
        return value != PATTERN;
    case 32:
        return value >> 32 == 0 && value != (uint32_t)PATTERN;
    default:
        return value >> 16 == PATTERN >> 16 && (uint16_t)value != (uint16_t)PATTERN;
    }
}

static bool check_variant(const char *name, const struct variant *variant)
{
    struct sample sample;

    for (int i = 0; i < TRIES; i++) {
        variant->run(&sample);
        if ((sample.flags & FLAGS_ARITHMETIC) == FLAG_CARRY &&
            destination_is_right(variant, sample.value))
            return true;
    }
    printf("%s %s: WRONG value=0x%lx flags=0x%lx\n", name, variant->destination, sample.value,
           sample.flags);
    return false;
}

static bool check_generator(const char *name, bool offered, const struct variant *variants)
{
    unsigned right = 0;

    if (!offered) {
        printf("%s: not offered\n", name);
        return true;
    }
    for (size_t i = 0; i < VARIANTS; i++)
        right += check_variant(name, &variants[i]);
    printf("%s: %u of %lu forms right\n", name, right, VARIANTS);
    return right == VARIANTS;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    const bool all = strcmp(info->cmdline, "--unconditional") == 0;
    bool right;

    print("\n**** Solo5 standalone test_rdtscp ****\n\n");
    if (!all && *info->cmdline != '\0') {
        print("usage: rdtscp [--unconditional]\n");
        return 2;
    }
    right = check_counter("rdtsc", true, sample_rdtsc, false);
    right &= check_counter("rdtscp", all || cpuid_offers_rdtscp(), sample_rdtscp, true);
    right &= check_generator("rdrand", all || cpuid_offers_rdrand(), rdrand_variants);
    right &= check_generator("rdseed", all || cpuid_offers_rdseed(), rdseed_variants);
    print(right ? "SUCCESS\n" : "FAILURE\n");
    return right ? SOLO5_EXIT_SUCCESS : SOLO5_EXIT_FAILURE;
}
