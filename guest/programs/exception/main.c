/* A write above all memory ends the unikernel with a trap. */
#include "print.h"
#include "solo5.h"

#define NOWHERE UINT64_C(0x400000000)

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    print("\n**** Solo5 standalone test_exception ****\n\n");
    *(volatile uint64_t *)NOWHERE = 1;
    print("FAILURE: the write was allowed\n");
    return SOLO5_EXIT_FAILURE;
}
