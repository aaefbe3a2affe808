/* Writing past the end of a local array is noticed when the function returns. */
#include "print.h"
#include "solo5.h"
#include "string.h"

#define TEXT "This text is longer than the buffer it is\n"

static __attribute__((noinline)) void copy(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
}

static __attribute__((noinline)) void overflow(void)
{
    char buffer[16];

    copy(buffer, TEXT, sizeof TEXT - 1);
    solo5_console_write(buffer, sizeof TEXT - 1);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    print("\n**** Solo5 standalone test_ssp ****\n\n");
    overflow();
    print("FAILURE: the overflow was not noticed\n");
    return SOLO5_EXIT_FAILURE;
}
