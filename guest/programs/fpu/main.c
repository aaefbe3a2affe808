/* SSE and the x87 compute, and compute exactly what IEEE 754 says. */
#include <stdbool.h>

#include "print.h"
#include "solo5.h"
#include "string.h"

/* Volatile, so that the compiler cannot do the work itself. */
static volatile float factors[4] = {0.5f, 1.5f, -2.0f, 1024.0f};
static volatile double third = 3.0;
static volatile long double two = 2.0L, one = 1.0L, three = 3.0L;

static bool packed_multiply(void)
{
    static const float expected[4] = {0.25f, 2.25f, 4.0f, 1048576.0f};
    float values[4] __attribute__((aligned(16)));

    for (int i = 0; i < 4; i++)
        values[i] = factors[i];
    __asm__("movaps %0, %%xmm0\n\t"
            "mulps %%xmm0, %%xmm0\n\t"
            "movaps %%xmm0, %0"
            : "+m"(values)
            :
            : "xmm0");
    return memcmp(values, expected, sizeof values) == 0;
}

static bool scalar_multiply(void)
{
    return factors[1] * factors[2] == -3.0f;
}

/* The nearest double to 1/3, bit for bit. */
static bool double_divide(void)
{
    const double quotient = 1.0 / third;
    uint64_t bits;

    memcpy(&bits, &quotient, sizeof bits);
    return bits == UINT64_C(0x3fd5555555555555);
}

static bool extended_is(long double value, uint16_t sign_exponent, uint64_t mantissa)
{
    uint8_t bytes[sizeof value];
    uint16_t high;
    uint64_t low;

    memcpy(bytes, &value, sizeof value);
    memcpy(&low, bytes, sizeof low);
    memcpy(&high, bytes + sizeof low, sizeof high);
    return high == sign_exponent && low == mantissa;
}

/* 64 bits of mantissa, which only the x87 has. */
static bool x87_divide(void)
{
    return extended_is(one / three, 0x3ffd, UINT64_C(0xaaaaaaaaaaaaaaab));
}

static bool x87_square_root(void)
{
    long double root = two;

    __asm__("fsqrt" : "+t"(root));
    return extended_is(root, 0x3fff, UINT64_C(0xb504f333f9de6484));
}

int solo5_app_main(const struct solo5_start_info *info)
{
    static const struct {
        const char *name;
        bool (*check)(void);
    } checks[] = {
        {"sse packed multiply", packed_multiply}, {"sse scalar multiply", scalar_multiply},
        {"sse2 double divide", double_divide},    {"x87 divide", x87_divide},
        {"x87 square root", x87_square_root},
    };
    int status = SOLO5_EXIT_SUCCESS;

    (void)info;
    print("\n**** Solo5 standalone test_fpu ****\n\n");
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const bool right = checks[i].check();

        printf("%s: %s\n", checks[i].name, right ? "exact" : "WRONG");
        if (!right)
            status = SOLO5_EXIT_FAILURE;
    }
    print(status == SOLO5_EXIT_SUCCESS ? "SUCCESS\n" : "FAILURE\n");
    return status;
}
