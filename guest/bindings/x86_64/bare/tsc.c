/*
 * Nanoseconds from the time-stamp counter by fixed-point multiplication:
 * ns = (cycles * multiplier) >> shift.
 */
#include "bindings.h"
#include "bare.h"
#include "cpu.h"

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)
#define SHIFT_MAX 32u

static uint32_t multiplier;
static unsigned shift;
static uint64_t last_cycles;
static uint64_t now_ns;

static uint64_t scale(uint64_t cycles)
{
    return (uint64_t)(((unsigned __int128)cycles * multiplier) >> shift);
}

void tsc_init(uint64_t frequency_hz)
{
    uint64_t quotient;

    CHECK(frequency_hz != 0);
    shift = SHIFT_MAX;
    while ((quotient = (NANOSECONDS_PER_SECOND << shift) / frequency_hz) > UINT32_MAX)
        shift--;
    multiplier = (uint32_t)quotient;
    last_cycles = cpu_cycles();
    now_ns = scale(last_cycles);
}

uint64_t tsc_nanoseconds(void)
{
    const uint64_t cycles = cpu_cycles();

    now_ns += scale(cycles - last_cycles);
    last_cycles = cycles;
    return now_ns;
}
