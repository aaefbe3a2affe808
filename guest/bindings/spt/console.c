#include "spt.h"

#define FD_CONSOLE 1

/* What the host does not take is lost. */
void platform_console_write(const char *buf, size_t size)
{
    (void)linux_write(FD_CONSOLE, buf, size);
}

void solo5_console_write(const char *buf, size_t size)
{
    platform_console_write(buf, size);
}
