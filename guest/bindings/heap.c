#include "bindings.h"

#define HEAP_SIZE_MIN 0x80000u /* bytes, shared with the stack */

static void log_range(const char *what, const char *start, const char *end)
{
    log_line(LOG_INFO, "Solo5: %8s %10p .. %10p\n", what, (const void *)start,
             (const void *)end);
}

void heap_init(struct solo5_start_info *info, uint64_t mem_size)
{
    const uintptr_t start = ((uintptr_t)_end + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1);

    log_line(LOG_INFO, "Solo5: memory is %lu MiB\n", (unsigned long)(mem_size >> 20));
    log_range("text", _stext, _etext);
    log_range("rodata", _etext, _erodata);
    log_range("data", _erodata, _end);
    log_range("heap", (const char *)start, (const char *)(uintptr_t)mem_size);
    if (mem_size < start || mem_size - start < HEAP_SIZE_MIN)
        FAIL("not enough memory: the guest needs 512 KiB behind its image");
    info->heap_start = start;
    info->heap_size = mem_size - start;
}
