#include "print.h"

#include "format.h"
#include "solo5.h"
#include "string.h"

void print(const char *text)
{
    solo5_console_write(text, strlen(text));
}

void printf(const char *format, ...)
{
    char text[512];
    va_list args;
    size_t length;

    va_start(args, format);
    length = format_text(text, sizeof text, format, args);
    va_end(args);
    solo5_console_write(text, length < sizeof text ? length : sizeof text - 1);
}
