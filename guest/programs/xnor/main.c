/* Code is not data by contract; hvt on Linux reads it all the same. */
#include "print.h"
#include "solo5.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    volatile uintptr_t address = (uintptr_t)solo5_app_main;
    unsigned sum = 0;

    (void)info;
    print("\n**** Solo5 standalone test_xnor ****\n\n");
    for (unsigned i = 0; i < 16; i++)
        sum += ((const volatile uint8_t *)address)[i];
    printf("FAILURE: code was read, sum %s\n", sum > 0 ? "not zero" : "zero");
    return SOLO5_EXIT_FAILURE;
}
