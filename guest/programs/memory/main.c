/*
 * The heap is where the start information says, zero at first, and writable up
 * to the stack at its end.  The large array leaves too little of 2 MiB.
 */
#include <stdbool.h>

#include "print.h"
#include "solo5.h"

#define STACK_SIZE 65536u /* left alone at the end of the heap */
#define STEP 4096u

static volatile uint8_t large[700 * 1024];

static bool heap_holds(volatile uint8_t *heap, size_t size)
{
    for (size_t i = 0; i < size; i += STEP) {
        if (heap[i] != 0)
            return false;
        heap[i] = (uint8_t)(i / STEP + 1);
    }
    for (size_t i = 0; i < size; i += STEP)
        if (heap[i] != (uint8_t)(i / STEP + 1))
            return false;
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_memory ****\n\n");
    large[sizeof large - 1] = 1;
    printf("heap ends at %lu MiB\n", (info->heap_start + info->heap_size) >> 20);
    if (info->heap_start % 4096 != 0 || info->heap_start <= (uintptr_t)large) {
        print("FAILURE: the heap starts in the wrong place\n");
        return 1;
    }
    if (!heap_holds((volatile uint8_t *)info->heap_start, info->heap_size - STACK_SIZE)) {
        print("FAILURE: the heap does not keep what is written\n");
        return 2;
    }
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
