/* Thread-local storage cannot be used before a base is set: it would lie in the
 * zero page. */
#include "print.h"
#include "solo5.h"

int solo5_app_main(const struct solo5_start_info *info)
{
    uint64_t value;

    (void)info;
    print("\n**** Solo5 standalone test_notls ****\n\n");
    __asm__ __volatile__("movq %%fs:0x28, %0" : "=r"(value));
    printf("FAILURE: read 0x%lx\n", value);
    return SOLO5_EXIT_FAILURE;
}
