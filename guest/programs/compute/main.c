/*
 * Work for the processor alone: doubles (a matrix product, a Fourier transform),
 * integers and memory (a walk through a shuffled ring of pointers, and hashing,
 * over several MiB of the heap).  The result depends on nothing but the argument.
 *
 * Argument: rounds, 4 by default.
 */
#include <stdbool.h>

#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define ROUNDS_DEFAULT 4

#define MATRIX 64u     /* rows and columns */
#define POINTS 8192u   /* of the Fourier transform, a power of two */
#define LOG2_POINTS 13u
#define NODES 65536u   /* of the ring: one in each cache line of 4 MiB */
#define NODE_SIZE 64u

typedef double matrix[MATRIX][MATRIX];

struct complex {
    double re, im;
};

struct node {
    struct node *next;
    uint64_t value;
    uint8_t padding[NODE_SIZE - 16];
};

struct workspace {
    matrix a, b, product;
    struct complex signal[POINTS];
    struct node nodes[NODES];
};

/* cos and sin of 2 pi / 2^k for k = 1 .. LOG2_POINTS. */
static const struct complex unit_roots[LOG2_POINTS] = {
    {-1.0, 0.0},
    {0.0, 1.0},
    {0.7071067811865476, 0.7071067811865475},
    {0.9238795325112867, 0.3826834323650898},
    {0.9807852804032304, 0.19509032201612825},
    {0.9951847266721969, 0.0980171403295606},
    {0.9987954562051724, 0.049067674327418015},
    {0.9996988186962042, 0.024541228522912288},
    {0.9999247018391445, 0.012271538285719925},
    {0.9999811752826011, 0.006135884649154475},
    {0.9999952938095762, 0.003067956762965976},
    {0.9999988234517019, 0.0015339801862847657},
    {0.9999997058628822, 0.0007669903187427045},
};

static uint64_t random_state = 1;

/* xorshift64* */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

/* In [-1, 1), exact in a double. */
static double next_unit(void)
{
    return (double)((int64_t)next_random() >> 11) / 4503599627370496.0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t mix_double(uint64_t hash, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return mix(hash, bits);
}

static uint64_t multiply_matrices(struct workspace *w)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < MATRIX; i++)
        for (unsigned j = 0; j < MATRIX; j++) {
            w->a[i][j] = next_unit();
            w->b[i][j] = next_unit();
        }
    for (unsigned i = 0; i < MATRIX; i++)
        for (unsigned j = 0; j < MATRIX; j++) {
            double sum = 0;

            for (unsigned k = 0; k < MATRIX; k++)
                sum += w->a[i][k] * w->b[k][j];
            w->product[i][j] = sum;
            hash = mix_double(hash, sum);
        }
    return hash;
}

static void bit_reverse(struct complex *signal)
{
    for (unsigned i = 0, j = 0; i < POINTS; i++) {
        unsigned bit = POINTS >> 1;

        if (i < j) {
            const struct complex swapped = signal[i];

            signal[i] = signal[j];
            signal[j] = swapped;
        }
        while (j & bit) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
}

static struct complex multiply(struct complex a, struct complex b)
{
    return (struct complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static uint64_t transform(struct complex *signal)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < POINTS; i++)
        signal[i] = (struct complex){next_unit(), 0};
    bit_reverse(signal);
    for (unsigned level = 1; level <= LOG2_POINTS; level++) {
        const unsigned size = 1u << level, half = size / 2;

        for (unsigned start = 0; start < POINTS; start += size) {
            struct complex factor = {1, 0};

            for (unsigned i = start; i < start + half; i++) {
                const struct complex odd = multiply(factor, signal[i + half]);
                const struct complex even = signal[i];

                signal[i] = (struct complex){even.re + odd.re, even.im + odd.im};
                signal[i + half] = (struct complex){even.re - odd.re, even.im - odd.im};
                factor = multiply(factor, unit_roots[level - 1]);
            }
        }
    }
    for (unsigned i = 0; i < POINTS; i++)
        hash = mix_double(mix_double(hash, signal[i].re), signal[i].im);
    return hash;
}

/* Sattolo's shuffle: one ring through all nodes, in random order. */
static void link_ring(struct node *nodes)
{
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i].next = &nodes[i];
        nodes[i].value = next_random();
    }
    for (unsigned i = NODES - 1; i > 0; i--) {
        const unsigned j = (unsigned)(next_random() % i);
        struct node *swapped = nodes[i].next;

        nodes[i].next = nodes[j].next;
        nodes[j].next = swapped;
    }
}

static uint64_t walk_ring(struct node *nodes)
{
    struct node *node = nodes;
    uint64_t hash = 0;

    link_ring(nodes);
    do {
        hash = mix(hash, node->value);
        node->value = hash;
        node = node->next;
    } while (node != nodes);
    return hash;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct workspace *w = (struct workspace *)info->heap_start;
    const char *rest = info->cmdline;
    int64_t rounds = ROUNDS_DEFAULT;
    uint64_t checksum = 0;
    char word[24];

    print("\n**** Solo5 standalone test_compute ****\n\n");
    if (args_next(&rest, word, sizeof word) && (!args_number(word, &rounds) || rounds < 1)) {
        print("usage: compute [ROUNDS]\n");
        return 2;
    }
    if (info->heap_size < sizeof *w + 65536) {
        print("FAILURE: the heap is too small\n");
        return SOLO5_EXIT_FAILURE;
    }
    for (int64_t i = 0; i < rounds; i++) {
        checksum = mix(checksum, multiply_matrices(w));
        checksum = mix(checksum, transform(w->signal));
        checksum = mix(checksum, walk_ring(w->nodes));
    }
    printf("%ld rounds, checksum %016lx\n", rounds, checksum);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
