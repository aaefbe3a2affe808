/* The command line arrives as it was given. */
#include "print.h"
#include "solo5.h"
#include "string.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_hello ****\n\n");
    printf("Command line is: '%s'\n", info->cmdline);
    if (strcmp(info->cmdline, "Hello_Solo5") == 0)
        print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
