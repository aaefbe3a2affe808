/* Data is not code by contract; hvt on Linux executes it all the same. */
#include "print.h"
#include "solo5.h"

static uint8_t code[] = {0xc3}; /* ret */

int solo5_app_main(const struct solo5_start_info *info)
{
    volatile uintptr_t address = (uintptr_t)code;

    (void)info;
    print("\n**** Solo5 standalone test_wnox ****\n\n");
    ((void (*)(void))address)();
    print("FAILURE: data was executed\n");
    return SOLO5_EXIT_FAILURE;
}
