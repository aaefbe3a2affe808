/*
 * Work in steps of a millisecond, for which there are ten seconds.  What remains of them is the
 * difference of unsigned numbers, which nobody notices as long as every wait ends in time.
 */
#include "print.h"
#include "solo5.h"

#define STEPS 20
#define STEP_NS UINT64_C(1000000)
#define PATIENCE_NS UINT64_C(10000000000)

int solo5_app_main(const struct solo5_start_info *info)
{
    const solo5_time_t deadline = solo5_clock_monotonic() + PATIENCE_NS;

    (void)info;
    for (int step = 0; step < STEPS; step++) {
        const uint64_t remaining = deadline - solo5_clock_monotonic();

        if (remaining > PATIENCE_NS) {
            printf("FAILURE: in step %d there are %lu ns to go\n", step, remaining);
            return SOLO5_EXIT_FAILURE;
        }
        solo5_yield(deadline - remaining + STEP_NS, NULL);
    }
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
