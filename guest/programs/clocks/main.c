/*
 * Very many clock calls.
 *
 * Arguments: [wall N] [mono N]; 100000 of both by default.
 */
#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define CALLS_DEFAULT 100000

static bool read_clock(const char *name, solo5_time_t (*clock)(void), int64_t calls,
                       bool may_step_back)
{
    solo5_time_t last = 0;

    for (int64_t i = 0; i < calls; i++) {
        const solo5_time_t now = clock();

        if (now < last && !may_step_back) {
            printf("FAILURE: %s clock went back at call %ld\n", name, i);
            return false;
        }
        last = now;
    }
    if (calls > 0)
        printf("%s: %ld calls\n", name, calls);
    return true;
}

static bool parse(const char *rest, int64_t *wall, int64_t *mono)
{
    char name[8], number[24];

    while (args_next(&rest, name, sizeof name)) {
        int64_t *calls = strcmp(name, "wall") == 0   ? wall
                         : strcmp(name, "mono") == 0 ? mono
                                                     : NULL;

        if (calls == NULL || !args_next(&rest, number, sizeof number) ||
            !args_number(number, calls))
            return false;
    }
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    const bool all = *info->cmdline == '\0';
    int64_t wall = all ? CALLS_DEFAULT : 0, mono = wall;

    print("\n**** Solo5 standalone test_clocks ****\n\n");
    if (!parse(info->cmdline, &wall, &mono)) {
        print("usage: clocks [wall N] [mono N]\n");
        return 2;
    }
    /* The host's administrator may set wall time back. */
    if (!read_clock("wall", solo5_clock_wall, wall, true) ||
        !read_clock("mono", solo5_clock_monotonic, mono, false))
        return SOLO5_EXIT_FAILURE;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
