/* A block device keeps what is written, and refuses what is not one block. */
#include <stdbool.h>

#include "print.h"
#include "solo5.h"

#define BLOCK_SIZE_MAX 32768u
#define STRIDE 10 /* every tenth block is tested */

static uint8_t written[BLOCK_SIZE_MAX], found[BLOCK_SIZE_MAX + 1];

static bool block_keeps(solo5_handle_t handle, solo5_off_t offset, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        written[i] = (uint8_t)('0' + (offset / size + i) % 10);
        found[i] = 0;
    }
    if (solo5_block_write(handle, offset, written, size) != SOLO5_R_OK ||
        solo5_block_read(handle, offset, found, size) != SOLO5_R_OK)
        return false;
    for (size_t i = 0; i < size; i++)
        if (found[i] != written[i])
            return false;
    return true;
}

static bool is_refusal(solo5_result_t result)
{
    return result == SOLO5_R_EINVAL || result == SOLO5_R_EUNSPEC;
}

/* The exit status that stands for the first wrong answer, or 0. */
static int check_limits(solo5_handle_t handle, solo5_off_t capacity, size_t size)
{
    const solo5_off_t last = capacity - size;
    const struct {
        solo5_off_t offset;
        size_t size;
    } wrong[] = {{capacity, size}, {0, size - 1}, {0, size + 1}, {size - 1, size}};

    if (solo5_block_write(handle, last, written, size) != SOLO5_R_OK)
        return 2;
    if (solo5_block_read(handle, last, found, size) != SOLO5_R_OK)
        return 3;
    for (int i = 0; i < (int)(sizeof wrong / sizeof wrong[0]); i++) {
        if (!is_refusal(solo5_block_write(handle, wrong[i].offset, written, wrong[i].size)))
            return 4 + 2 * i;
        if (!is_refusal(solo5_block_read(handle, wrong[i].offset, found, wrong[i].size)))
            return 5 + 2 * i;
    }
    return 0;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info device;
    solo5_handle_t handle;
    unsigned tested = 0;
    int status;

    (void)info;
    print("\n**** Solo5 standalone test_blk ****\n\n");
    if (solo5_block_acquire("storage", &handle, &device) != SOLO5_R_OK) {
        print("FAILURE: cannot acquire storage\n");
        return 99;
    }
    printf("%lu bytes in blocks of %lu\n", device.capacity, device.block_size);
    for (solo5_off_t offset = 0; offset < device.capacity; offset += STRIDE * device.block_size) {
        if (!block_keeps(handle, offset, device.block_size)) {
            printf("FAILURE: block at %lu\n", offset);
            return 1;
        }
        tested++;
    }
    printf("%u blocks are kept\n", tested);
    status = check_limits(handle, device.capacity, device.block_size);
    if (status != 0) {
        printf("FAILURE: limit check %d\n", status);
        return status;
    }
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
