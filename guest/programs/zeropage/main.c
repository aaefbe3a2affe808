/* The page at address 0 is not mapped, so that null pointers are noticed. */
#include "print.h"
#include "solo5.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    volatile uintptr_t address = 8;

    (void)info;
    print("\n**** Solo5 standalone test_zeropage ****\n\n");
    *(volatile uint64_t *)address = 1;
    print("FAILURE: the write was allowed\n");
    return SOLO5_EXIT_FAILURE;
}
