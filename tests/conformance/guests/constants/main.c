/*
 * A guest with constants to change, each of which shows in another way: in what
 * a call is given, in which calls there are, in the exit status, or in memory
 * alone.
 */
#include "print.h"
#include "solo5.h"

#ifndef PAUSE_NS
#define PAUSE_NS 1000000
#endif
#ifndef ROUNDS
#define ROUNDS 5
#endif
#ifndef STATUS
#define STATUS 0
#endif
#ifndef SECRET
#define SECRET 1
#endif

static volatile unsigned secret;

int solo5_app_main(const struct solo5_start_info *info)
{
    solo5_handle_set_t ready;

    print(info->cmdline);
    print("\n");
    for (int i = 0; i < ROUNDS; i++)
        solo5_clock_wall();
    secret = SECRET;
    solo5_yield(solo5_clock_monotonic() + PAUSE_NS, &ready);
    print("done\n");
    return STATUS;
}
