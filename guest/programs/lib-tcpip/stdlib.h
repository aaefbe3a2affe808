/* What lwIP uses of the standard header of this name. */
#ifndef LIB_TCPIP_STDLIB_H
#define LIB_TCPIP_STDLIB_H

static inline int atoi(const char *digits)
{
    int value = 0;

    for (; *digits >= '0' && *digits <= '9'; digits++)
        value = value * 10 + (*digits - '0');
    return value;
}

#endif
