/*
 * The exit status reaches the host, as far as it fits.
 *
 * Arguments: STATUS [return]; the latter returns from the main function instead
 * of calling solo5_exit().
 */
#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    const char *rest = info->cmdline;
    char word[24];
    int64_t status;

    print("\n**** Solo5 standalone test_exit ****\n\n");
    if (!args_next(&rest, word, sizeof word) || !args_number(word, &status)) {
        print("usage: exit STATUS [return]\n");
        return 2;
    }
    if (args_next(&rest, word, sizeof word) && strcmp(word, "return") == 0)
        return (int)status;
    solo5_exit((int)status);
}
