#include "bindings.h"
#include "format.h"

#define LINE_SIZE 320 /* bytes, with the NUL; longer lines are cut */

static enum log_level level_max = LOG_INFO;

void log_set_level(enum log_level level)
{
    level_max = level;
}

static void write_line(const char *format, va_list args)
{
    char line[LINE_SIZE];
    size_t length = format_text(line, sizeof line, format, args);

    if (length >= sizeof line)
        length = sizeof line - 1;
    platform_console_write(line, length);
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    if (level > level_max)
        return;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
}

void log_always(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(format, args);
    va_end(args);
}

void log_banner(const char *target, unsigned abi_version)
{
    log_line(LOG_INFO, "             _       ____\n");
    log_line(LOG_INFO, "   ___  ___ | | ___ | ___|\n");
    log_line(LOG_INFO, "  (_-< / _ \\| |/ _ \\|__ \\\n");
    log_line(LOG_INFO, "  /__/ \\___/|_|\\___/|___/\n");
    log_line(LOG_INFO, "Solo5: solo5-replay bindings for %s, ABI version %u\n", target, abi_version);
}
