/* solo5_abort() ends the unikernel with status 255. */
#include "print.h"
#include "solo5.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    print("\n**** Solo5 standalone test_abort ****\n\n");
    solo5_abort();
}
