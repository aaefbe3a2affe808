/*
 * Goes over a whole block device as often as it is told, a block at a time.
 *
 * Arguments: passes, each `write` (a pattern of its own in every word) or
 * `read`.  Each prints a sum over all words, which is the same for all passes
 * over the same data.
 */
#include <stdbool.h>

#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define BLOCK_SIZE_MAX 32768u
#define WORDS_MAX (BLOCK_SIZE_MAX / sizeof(uint64_t))
#define MIXER UINT64_C(0x9e3779b97f4a7c15)

static uint64_t block[WORDS_MAX];

static void fill(solo5_off_t offset, size_t words)
{
    for (size_t i = 0; i < words; i++)
        block[i] = (offset / sizeof block[0] + i) * MIXER;
}

static uint64_t add(uint64_t sum, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        sum = (sum ^ block[i]) * MIXER;
        sum ^= sum >> 32;
    }
    return sum;
}

/* Transfers every block; false if the device refuses one. */
static bool pass(solo5_handle_t handle, const struct solo5_block_info *device, bool writes,
                 uint64_t *sum)
{
    const size_t size = device->block_size, words = size / sizeof block[0];

    *sum = 0;
    for (solo5_off_t at = 0; at < device->capacity; at += size) {
        if (writes)
            fill(at, words);
        if ((writes ? solo5_block_write(handle, at, (const uint8_t *)block, size)
                    : solo5_block_read(handle, at, (uint8_t *)block, size)) != SOLO5_R_OK) {
            printf("FAILURE: block at %lu\n", at);
            return false;
        }
        *sum = add(*sum, words);
    }
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info device;
    const char *rest = info->cmdline;
    solo5_handle_t handle;
    char word[8];

    print("\n**** Solo5 standalone test_blkpass ****\n\n");
    if (solo5_block_acquire("storage", &handle, &device) != SOLO5_R_OK) {
        print("FAILURE: cannot acquire storage\n");
        return 99;
    }
    printf("%lu bytes in blocks of %lu\n", device.capacity, device.block_size);
    while (args_next(&rest, word, sizeof word)) {
        const bool writes = strcmp(word, "write") == 0;
        uint64_t sum;

        if (!writes && strcmp(word, "read") != 0) {
            print("usage: blkpass [write | read]...\n");
            return 2;
        }
        if (!pass(handle, &device, writes, &sum))
            return SOLO5_EXIT_FAILURE;
        printf("%s: sum %016lx\n", word, sum);
    }
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
