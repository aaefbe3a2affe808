#include "bare.h"
#include "hvt.h"

void hvt_clock_init(void)
{
    tsc_init(boot_info->cpu_cycle_freq);
}

solo5_time_t solo5_clock_monotonic(void)
{
    return tsc_nanoseconds();
}

solo5_time_t solo5_clock_wall(void)
{
    struct hvt_hc_walltime walltime = {0};

    hvt_call(HVT_HYPERCALL_WALLTIME, &walltime);
    return walltime.nsecs;
}
