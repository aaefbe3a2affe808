#include "args.h"

bool args_next(const char **rest, char *word, size_t size)
{
    const char *p = *rest;
    size_t length = 0;

    while (*p == ' ')
        p++;
    if (*p == '\0')
        return false;
    for (; *p != '\0' && *p != ' '; p++)
        if (length + 1 < size)
            word[length++] = *p;
    word[length] = '\0';
    *rest = p;
    return true;
}

/* The value of a digit in any base up to 16, or 16. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

bool args_number(const char *word, int64_t *value)
{
    const bool negative = *word == '-';
    unsigned base = 10;
    uint64_t magnitude = 0;

    if (negative)
        word++;
    if (word[0] == '0' && word[1] == 'x') {
        base = 16;
        word += 2;
    }
    if (*word == '\0')
        return false;
    for (; *word != '\0'; word++) {
        const unsigned digit = digit_value(*word);

        if (digit >= base)
            return false;
        magnitude = magnitude * base + digit;
    }
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}
