/* As many devices as a manifest can declare. */
#include <stdbool.h>

#include "print.h"
#include "solo5.h"

static bool acquire(const char *name, solo5_handle_t expected)
{
    struct solo5_block_info info;
    solo5_handle_t handle;

    if (solo5_block_acquire(name, &handle, &info) != SOLO5_R_OK || handle != expected) {
        printf("FAILURE: cannot acquire %s\n", name);
        return false;
    }
    printf("%s: handle %lu, %lu bytes\n", name, handle, info.capacity);
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    print("\n**** Solo5 standalone test_mft_maxdevices ****\n\n");
    if (!acquire("storage0", 1) || !acquire("storage62", 63))
        return SOLO5_EXIT_FAILURE;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
