/* Constants cannot be written.  The tender refuses it, not the guest's own
 * tables. */
#include "print.h"
#include "solo5.h"

static const uint64_t constant = 1;

int solo5_app_main(const struct solo5_start_info *info)
{
    volatile uintptr_t address = (uintptr_t)&constant;

    (void)info;
    print("\n**** Solo5 standalone test_rnow ****\n\n");
    *(volatile uint64_t *)address = 2;
    print("FAILURE: a constant was written\n");
    return SOLO5_EXIT_FAILURE;
}
