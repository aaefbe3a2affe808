/*
 * What the tender makes of block hypercalls that the bindings never issue: any
 * length and offset within the device, and everything that is refused.
 *
 * Arguments: none, or the name of a call that ends the guest:
 *   end   a buffer that ends exactly where memory ends
 *   wrap  a buffer that would wrap around
 *   arg   a structure beyond memory
 * or `read BYTES`: as many bytes at once into the heap.
 */
#include <stdbool.h>

#include "args.h"
#include "hvt_abi.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define SMALL 16u

static struct {
    uint64_t handle;
    uint64_t capacity;
    uintptr_t heap;
    uintptr_t memory_end;
    unsigned failures;
} state;

static int block_write(uint64_t handle, uint64_t offset, uintptr_t data, uint64_t len)
{
    struct hvt_hc_block_write call = {handle, offset, data, len, -1};

    hvt_hypercall(HVT_HYPERCALL_BLOCK_WRITE, &call);
    return call.ret;
}

static int block_read(uint64_t handle, uint64_t offset, uintptr_t data, uint64_t len)
{
    struct hvt_hc_block_read call = {handle, offset, data, len, -1};

    hvt_hypercall(HVT_HYPERCALL_BLOCK_READ, &call);
    if (call.len != len) {
        print("FAILURE: the length was changed\n");
        state.failures++;
    }
    return call.ret;
}

static void expect(const char *what, bool right)
{
    printf("%s: %s\n", what, right ? "ok" : "FAILURE");
    if (!right)
        state.failures++;
}

/* Both calls are answered with `ret` and nothing is transferred otherwise. */
static void expect_both(const char *what, int ret, uint64_t handle, uint64_t offset, uint64_t len)
{
    expect(what, block_write(handle, offset, state.heap, len) == ret &&
                     block_read(handle, offset, state.heap, len) == ret);
}

/* Whether a write is read back, and its neighbours are left alone. */
static bool keeps(uint64_t offset, uint64_t len)
{
    uint8_t *written = (uint8_t *)state.heap, *found = written + len + 2;

    for (uint64_t i = 0; i < len; i++)
        written[i] = (uint8_t)(offset + 7 * i + 1);
    memset(found, 0xee, len + 2);
    return block_write(state.handle, offset, (uintptr_t)written, len) == SOLO5_R_OK &&
           block_read(state.handle, offset, (uintptr_t)found + 1, len) == SOLO5_R_OK &&
           memcmp(written, found + 1, len) == 0 && found[0] == 0xee && found[len + 1] == 0xee;
}

static void check_allowed(void)
{
    expect("7 bytes at 100", keeps(100, 7));
    expect("two blocks", keeps(0, 1024));
    expect("across a block's end", keeps(500, 700));
    expect("the last byte", keeps(state.capacity - 1, 1));
    expect_both("no bytes at all", SOLO5_R_OK, state.handle, 4096, 0);
    expect_both("upper half of the handle", SOLO5_R_OK, state.handle | UINT64_C(7) << 32, 0, 512);
    /* What lies up there is never used again, and is what was there before. */
    expect("a buffer below the last byte of memory",
           block_write(state.handle, 0, state.memory_end - 1 - SMALL, SMALL) == SOLO5_R_OK &&
               block_read(state.handle, 0, state.memory_end - 1 - SMALL, SMALL) == SOLO5_R_OK);
}

static void check_refused(void)
{
    const uint64_t handle = state.handle, capacity = state.capacity;

    expect_both("handle 0", SOLO5_R_EINVAL, 0, 0, 512);
    expect_both("handle 63", SOLO5_R_EINVAL, 63, 0, 512);
    expect_both("at the end", SOLO5_R_EINVAL, handle, capacity, 512);
    expect_both("no bytes at the end", SOLO5_R_EINVAL, handle, capacity, 0);
    expect_both("beyond the end", SOLO5_R_EINVAL, handle, capacity - 511, 512);
    expect_both("more than all", SOLO5_R_EINVAL, handle, 0, capacity + 1);
    expect_both("half of all numbers", SOLO5_R_EINVAL, handle, 0, UINT64_C(1) << 63);
    expect_both("all numbers", SOLO5_R_EINVAL, handle, 0, UINT64_MAX);
    expect_both("around zero", SOLO5_R_EINVAL, handle, UINT64_MAX - 511, 1024);
    expect("a bad request with a bad buffer",
           block_read(handle, capacity, state.memory_end, 512) == SOLO5_R_EINVAL &&
               block_write(63, 0, UINT64_MAX, 512) == SOLO5_R_EINVAL);
}

static int run_named(const char *name, const char *rest)
{
    char word[24];
    int64_t size;

    if (strcmp(name, "end") == 0) {
        block_read(state.handle, 0, state.memory_end - SMALL, SMALL);
    } else if (strcmp(name, "wrap") == 0) {
        block_write(state.handle, 0, UINT64_MAX - 7, SMALL);
    } else if (strcmp(name, "arg") == 0) {
        hvt_hypercall(HVT_HYPERCALL_BLOCK_READ, (void *)state.memory_end);
    } else if (strcmp(name, "read") == 0 && args_next(&rest, word, sizeof word) &&
               args_number(word, &size)) {
        printf("read of %ld bytes: %d\n", size,
               block_read(state.handle, 0, state.heap, (uint64_t)size));
        return SOLO5_EXIT_SUCCESS;
    } else {
        print("usage: blkcalls [end | wrap | arg | read BYTES]\n");
        return 2;
    }
    print("FAILURE: nothing happened\n");
    return SOLO5_EXIT_FAILURE;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info device;
    const char *rest = info->cmdline;
    char name[24];

    print("\n**** Solo5 standalone test_blkcalls ****\n\n");
    if (solo5_block_acquire("storage", &state.handle, &device) != SOLO5_R_OK) {
        print("FAILURE: cannot acquire storage\n");
        return 99;
    }
    state.capacity = device.capacity;
    state.heap = info->heap_start;
    state.memory_end = info->heap_start + info->heap_size;
    if (args_next(&rest, name, sizeof name))
        return run_named(name, rest);
    check_allowed();
    check_refused();
    if (state.failures > 0)
        return SOLO5_EXIT_FAILURE;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
