/*
 * What cryptographic and numeric libraries do: ask CPUID, then take the fastest path it offers. Each
 * path's result is checked against published values; AVX is there too, for a processor that has it.
 */
#include <stdbool.h>

#include "cpuid.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

typedef uint8_t block_t[16] __attribute__((aligned(16)));

static bool ssse3_shuffle(void)
{
    block_t bytes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const block_t reversal = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0x80};

    __asm__("movdqa %0, %%xmm1\n\tpshufb %1, %%xmm1\n\tmovdqa %%xmm1, %0"
            : "+m"(bytes)
            : "m"(reversal)
            : "xmm1");
    return bytes[0] == 15 && bytes[14] == 1 && bytes[15] == 0;
}

static bool sse41_round(void)
{
    double value = 2.5, rounded;

    __asm__("roundsd $0, %1, %0" : "=x"(rounded) : "x"(value));
    return rounded == 2.0; /* to even */
}

/* CRC32C of "123456789" is 0xe3069283. */
static bool sse42_crc32c(void)
{
    uint32_t crc = 0xffffffff;

    for (const char *c = "123456789"; *c; c++)
        __asm__("crc32b %1, %0" : "+r"(crc) : "rm"(*c));
    return ~crc == 0xe3069283;
}

static bool population_count(void)
{
    uint64_t value = UINT64_C(0xf0f0f0f0f0f0f0f1), count;

    __asm__("popcnt %1, %0" : "=r"(count) : "r"(value) : "cc");
    return count == 33;
}

/* FIPS 197, appendix B: the last round of its example, and the first step of its key schedule. */
static bool aes_round_and_key(void)
{
    static const block_t key = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
    static const uint8_t scheduled[4] = {0x8b, 0x84, 0xeb, 0x01}; /* RotWord, SubWord, Rcon */
    static const block_t before = {0xeb, 0x40, 0xf2, 0x1e, 0x59, 0x2e, 0x38, 0x84,
                                   0x8b, 0xa1, 0x13, 0xe7, 0x1b, 0xc3, 0x42, 0xd2};
    static const block_t last_key = {0xd0, 0x14, 0xf9, 0xa8, 0xc9, 0xee, 0x25, 0x89,
                                     0xe1, 0x3f, 0x0c, 0xc8, 0xb6, 0x63, 0x0c, 0xa6};
    static const block_t after = {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb,
                                  0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32};
    block_t assisted, state;

    __asm__("aeskeygenassist $1, %1, %%xmm1\n\tmovdqa %%xmm1, %0"
            : "=m"(assisted)
            : "m"(key)
            : "xmm1");
    __asm__("movdqa %1, %%xmm1\n\taesenclast %2, %%xmm1\n\tmovdqa %%xmm1, %0"
            : "=m"(state)
            : "m"(before), "m"(last_key)
            : "xmm1");
    return memcmp(assisted + 12, scheduled, sizeof scheduled) == 0 &&
           memcmp(state, after, sizeof after) == 0;
}

/* 2^63 + 1 times itself, without carries, is 2^126 + 1. */
static bool carryless_multiply(void)
{
    uint64_t value[2] __attribute__((aligned(16))) = {UINT64_C(0x8000000000000001), 0};

    __asm__("movdqa %0, %%xmm1\n\tpclmulqdq $0, %%xmm1, %%xmm1\n\tmovdqa %%xmm1, %0"
            : "+m"(value)
            :
            : "xmm1");
    return value[0] == 1 && value[1] == UINT64_C(0x4000000000000000);
}

static bool avx_add(void)
{
    float lanes[8] __attribute__((aligned(32))) = {1, 2, 3, 4, 5, 6, 7, 8};

    __asm__("vmovaps %0, %%ymm1\n\tvaddps %%ymm1, %%ymm1, %%ymm1\n\tvmovaps %%ymm1, %0"
            : "+m"(lanes)
            :
            : "xmm1");
    return lanes[7] == 16.0f;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    static const struct {
        const char *name;
        unsigned bit; /* of leaf 1, ECX */
        bool (*check)(void);
    } paths[] = {
        {"ssse3", 9, ssse3_shuffle},       {"sse4.1", 19, sse41_round},
        {"sse4.2", 20, sse42_crc32c},      {"popcnt", 23, population_count},
        {"aes", 25, aes_round_and_key},    {"pclmulqdq", 1, carryless_multiply},
        {"avx", 28, avx_add},
    };
    const uint32_t offered = cpuid(1, 0).ecx;
    int status = SOLO5_EXIT_SUCCESS;

    if (strcmp(info->cmdline, "avx") == 0)
        return avx_add() ? SOLO5_EXIT_SUCCESS : SOLO5_EXIT_FAILURE;
    print("\n**** Solo5 standalone test_simd ****\n\n");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *found = "not offered";

        if (offered >> paths[i].bit & 1)
            found = paths[i].check() ? "exact" : "WRONG";
        if (found[0] == 'W')
            status = SOLO5_EXIT_FAILURE;
        printf("%s: %s\n", paths[i].name, found);
    }
    print(status == SOLO5_EXIT_SUCCESS ? "SUCCESS\n" : "FAILURE\n");
    return status;
}
