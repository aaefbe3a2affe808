/* Code cannot be written.  The tender refuses it, not the guest's own tables. */
#include "print.h"
#include "solo5.h"

static __attribute__((noinline)) void target(void)
{
    __asm__ __volatile__("");
}

int solo5_app_main(const struct solo5_start_info *info)
{
    void (*volatile function)(void) = target;

    (void)info;
    print("\n**** Solo5 standalone test_xnow ****\n\n");
    *(volatile uint8_t *)(uintptr_t)function = 0xc3;
    function();
    print("FAILURE: code was written\n");
    return SOLO5_EXIT_FAILURE;
}
