/* With --solo5:quiet nothing but the application's own words is printed. */
#include "print.h"
#include "solo5.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_quiet ****\n\n");
    printf("Command line is: '%s'\n", info->cmdline);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
