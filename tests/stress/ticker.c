/*
 * Lines that say when they were printed, so that somebody else can tell how much of a run was seen.
 * Each holds the wall clock in nanoseconds, read just before.
 *
 * Arguments: MODE LINES. MODE is what lies between two lines: "busy" nothing, "calls" a hundred
 * clock calls, "compute" milliseconds without any call, "sleep" three milliseconds of waiting.
 */
#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define CALLS 100
#define ROUNDS 200000
#define SLEEP_NS 3000000u

static volatile uint64_t work;

static void pause_between(const char *mode)
{
    solo5_handle_set_t ready;

    if (strcmp(mode, "calls") == 0)
        for (int i = 0; i < CALLS; i++)
            work += solo5_clock_monotonic();
    else if (strcmp(mode, "compute") == 0)
        for (int i = 0; i < ROUNDS; i++)
            work = work * 3 + 1;
    else if (strcmp(mode, "sleep") == 0)
        solo5_yield(solo5_clock_monotonic() + SLEEP_NS, &ready);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    const char *rest = info->cmdline;
    char mode[16], number[24];
    int64_t lines = 0;

    if (!args_next(&rest, mode, sizeof mode) || !args_next(&rest, number, sizeof number) ||
        !args_number(number, &lines)) {
        print("usage: ticker busy|calls|compute|sleep LINES\n");
        return 2;
    }
    for (int64_t i = 0; i < lines; i++) {
        printf("%lu\n", solo5_clock_wall());
        pause_between(mode);
    }
    return SOLO5_EXIT_SUCCESS;
}
