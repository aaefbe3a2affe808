/*
 * Both clocks run, and a yield takes as long as it should.
 *
 * Argument: milliseconds of each sleep, 1000 by default.
 */
#include "args.h"
#include "print.h"
#include "solo5.h"

#define NS_PER_MS UINT64_C(1000000)
#define SLEEPS 5
#define WALL_NS_MIN UINT64_C(1483228800000000000) /* 2017-01-01 */
#define READS_MAX 5

/* A host that is busy wakes us late by some time of its own, however short the
 * sleep was. */
#define LATE_NS_MAX (100 * NS_PER_MS)

static bool monotonic_advances(void)
{
    const solo5_time_t first = solo5_clock_monotonic();

    for (int i = 0; i < READS_MAX; i++)
        if (solo5_clock_monotonic() > first)
            return true;
    print("ERROR: monotonic time stands still\n");
    return false;
}

static void yield_in_the_past(void)
{
    const solo5_time_t before = solo5_clock_monotonic();

    solo5_yield(before, NULL);
    printf("a yield that is due takes %lu ns\n", solo5_clock_monotonic() - before);
}

static bool sleep_takes(solo5_time_t wanted)
{
    const solo5_time_t before = solo5_clock_monotonic();
    solo5_time_t slept, most = wanted + wanted / 5;

    if (wanted < 1000 * NS_PER_MS)
        most += LATE_NS_MAX;
    solo5_yield(before + wanted, NULL);
    slept = solo5_clock_monotonic() - before;
    printf("wanted %lu ns, slept %lu ns\n", wanted, slept);
    if (slept < wanted - wanted / 5) {
        print("ERROR: slept too little\n");
        return false;
    }
    if (slept > most) {
        print("ERROR: slept too much\n");
        return false;
    }
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    const char *rest = info->cmdline;
    char word[24];
    int64_t sleep_ms = 1000;

    print("\n**** Solo5 standalone test_time ****\n\n");
    if (args_next(&rest, word, sizeof word) && (!args_number(word, &sleep_ms) || sleep_ms < 1)) {
        print("usage: time [MILLISECONDS]\n");
        return 2;
    }
    if (!monotonic_advances())
        return SOLO5_EXIT_FAILURE;
    yield_in_the_past();
    for (int i = 0; i < SLEEPS; i++)
        if (!sleep_takes((solo5_time_t)sleep_ms * NS_PER_MS))
            return SOLO5_EXIT_FAILURE;

    const solo5_time_t wall = solo5_clock_wall();

    printf("wall time is %lu ns\n", wall);
    if (wall < WALL_NS_MIN) {
        print("ERROR: wall time lies before 2017\n");
        return SOLO5_EXIT_FAILURE;
    }
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
