/* Two threads' worth of thread-local storage. */
#include "print.h"
#include "solo5.h"

#define BLOCK_SIZE 32768u
#define INITIAL 0xc0ffee

static uint8_t blocks[2][BLOCK_SIZE] __attribute__((aligned(64)));

static __thread volatile uint64_t zero_data;
static __thread volatile uint64_t initialised_data = INITIAL;

/* A call, so that the thread pointer is read again each time. */
static __attribute__((noinline)) void set_value(uint64_t value)
{
    zero_data = value;
}

static __attribute__((noinline)) uint64_t get_value(void)
{
    return zero_data;
}

static solo5_result_t switch_to(unsigned thread)
{
    return solo5_set_tls_base(solo5_tls_tp_offset((uintptr_t)blocks[thread]));
}

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    print("\n**** Solo5 standalone test_tls ****\n\n");
    if (solo5_tls_size() > BLOCK_SIZE || solo5_tls_init(0) != SOLO5_R_EINVAL)
        return 12;
    if (solo5_tls_init((uintptr_t)blocks[0]) != SOLO5_R_OK)
        return 10;
    if (solo5_tls_init((uintptr_t)blocks[1]) != SOLO5_R_OK)
        return 11;

    if (switch_to(0) != SOLO5_R_OK)
        return 1;
    set_value(1);
    if (switch_to(1) != SOLO5_R_OK)
        return 2;
    set_value(2);

    if (switch_to(0) != SOLO5_R_OK)
        return 3;
    if (get_value() != 1)
        return 4;
    if (switch_to(1) != SOLO5_R_OK)
        return 5;
    if (get_value() != 2)
        return 6;
    if (initialised_data != INITIAL)
        return 7;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
