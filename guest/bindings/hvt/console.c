#include "hvt.h"

void platform_console_write(const char *buf, size_t size)
{
    struct hvt_hc_puts puts = {.data = hvt_gpa(buf), .len = size};

    hvt_call(HVT_HYPERCALL_PUTS, &puts);
}

void solo5_console_write(const char *buf, size_t size)
{
    platform_console_write(buf, size);
}
