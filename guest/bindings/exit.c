#include "bindings.h"

void solo5_exit(int status)
{
    log_line(LOG_INFO, "Solo5: exit with status %d\n", status);
    platform_exit(status, NULL);
}

void solo5_abort(void)
{
    log_line(LOG_INFO, "Solo5: abort requested\n");
    platform_exit(SOLO5_EXIT_ABORT, NULL);
}

void fail_at(const char *file, int line, const char *message, const void *cookie)
{
    log_always("Solo5: ABORT: %s:%d: %s\n", file, line, message);
    platform_exit(SOLO5_EXIT_ABORT, cookie);
}
