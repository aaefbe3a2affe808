/* Initialised data can be changed, and starts as the source says. */
#include "print.h"
#include "solo5.h"
#include "string.h"

static char greeting[] = "Aello, World\n";
static int zero;
static int answer = 42;

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    print("\n**** Solo5 standalone test_globals ****\n\n");
    greeting[0] = 'H';
    print(greeting);
    if (zero != 0 || answer != 42 || strcmp(greeting, "Hello, World\n") != 0)
        return SOLO5_EXIT_FAILURE;
    zero = answer;
    if (zero != 42)
        return SOLO5_EXIT_FAILURE;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
