/*
 * Makes every call that a guest can make, and every kind of answer but those
 * that end it.  What it gets goes into one sum, which it prints and which
 * decides its exit status, so that no answer is without consequence.
 */
#include "cpuid.h"
#include "print.h"
#include "solo5.h"

#define BLOCK 512u
#define FRAME_MAX 1514u
#define DEADLINE_NS 1000000u

static uint8_t block[BLOCK], frame[FRAME_MAX];
static uint64_t sum;

static void take(uint64_t value)
{
    sum = (sum << 7 | sum >> 57) ^ value;
}

static void take_bytes(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        take(bytes[i]);
}

static void ask_processor(void)
{
    uint32_t low, high, processor;
    uint64_t word;
    uint16_t half;

    for (uint32_t leaf = 0; leaf < 2; leaf++) {
        const struct cpuid found = cpuid(leaf, 0);

        take(found.eax);
        take(found.ebx);
        take(found.ecx);
        take(found.edx);
    }
    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    take((uint64_t)high << 32 | low);
    __asm__ __volatile__("rdtscp" : "=a"(low), "=d"(high), "=c"(processor));
    take((uint64_t)high << 32 | low);
    take(processor);
    __asm__ __volatile__("rdrand %0" : "=r"(word) : : "cc");
    take(word);
    __asm__ __volatile__("rdseed %w0" : "=r"(half) : : "cc");
    take(half);
}

static void ask_clocks(void)
{
    for (int i = 0; i < 3; i++) {
        take(solo5_clock_wall());
        take(solo5_clock_monotonic());
    }
}

static void use_storage(solo5_handle_t handle, solo5_off_t capacity)
{
    take(solo5_block_read(handle, 0, block, BLOCK));
    take_bytes(block, BLOCK);
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = (uint8_t)(sum >> i % 57);
    take(solo5_block_write(handle, BLOCK, block, BLOCK));
    take(solo5_block_read(handle, BLOCK, block, BLOCK));
    take(solo5_block_read(handle, capacity, block, BLOCK));
    take(solo5_block_write(handle, capacity, block, BLOCK));
}

static void use_service(solo5_handle_t handle)
{
    solo5_handle_set_t ready = 0;
    size_t size = 0;

    solo5_yield(solo5_clock_monotonic() + DEADLINE_NS, &ready);
    take(ready);
    for (int i = 0; i < 3; i++)
        if (solo5_net_read(handle, frame, sizeof frame, &size) == SOLO5_R_OK)
            take_bytes(frame, size);
    take(solo5_net_write(handle, frame, 60));
    solo5_yield(solo5_clock_monotonic() + DEADLINE_NS, &ready);
    take(ready);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info storage;
    struct solo5_net_info service;
    solo5_handle_t disk, wire;

    print("every call\n");
    take_bytes((const uint8_t *)info->cmdline, 1);
    ask_processor();
    ask_clocks();
    if (solo5_block_acquire("storage", &disk, &storage) != SOLO5_R_OK ||
        solo5_net_acquire("service", &wire, &service) != SOLO5_R_OK)
        return SOLO5_EXIT_FAILURE;
    use_storage(disk, storage.capacity);
    use_service(wire);
    printf("sum %lx\n", sum);
    return (int)(sum & 0x7f);
}
