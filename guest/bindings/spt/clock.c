#include "spt.h"

#define NANOSECONDS_PER_SECOND 1000000000u

static solo5_time_t read_clock(int64_t clock)
{
    struct linux_timespec now;

    CHECK(linux_clock_gettime(clock, &now) == 0);
    return (solo5_time_t)now.tv_sec * NANOSECONDS_PER_SECOND + (solo5_time_t)now.tv_nsec;
}

solo5_time_t solo5_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

solo5_time_t solo5_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}
