#include "string.h"

#include <stdint.h>

/* Eight bytes at any address. */
typedef uint64_t word_t __attribute__((may_alias, aligned(1)));

/* Keeps compilers from recognising a loop as memcpy or memset, which would make
 * the function call itself. */
#define NOT_AN_IDIOM() __asm__ __volatile__("" : : : "memory")

static void copy_up(unsigned char *to, const unsigned char *from, size_t size)
{
    for (; size >= sizeof(word_t); size -= sizeof(word_t)) {
        *(word_t *)to = *(const word_t *)from;
        to += sizeof(word_t);
        from += sizeof(word_t);
        NOT_AN_IDIOM();
    }
    while (size-- > 0) {
        *to++ = *from++;
        NOT_AN_IDIOM();
    }
}

static void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
    for (; size >= sizeof(word_t); size -= sizeof(word_t)) {
        *(word_t *)(to + size - sizeof(word_t)) = *(const word_t *)(from + size - sizeof(word_t));
        NOT_AN_IDIOM();
    }
    while (size-- > 0) {
        to[size] = from[size];
        NOT_AN_IDIOM();
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_up(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to - (uintptr_t)from >= size)
        copy_up(to, from, size);
    else
        copy_down(to, from, size);
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    unsigned char *p = to;
    const uint64_t pattern = (unsigned char)byte * UINT64_C(0x0101010101010101);

    for (; size >= sizeof(word_t); size -= sizeof(word_t)) {
        *(word_t *)p = pattern;
        p += sizeof(word_t);
        NOT_AN_IDIOM();
    }
    while (size-- > 0) {
        *p++ = (unsigned char)byte;
        NOT_AN_IDIOM();
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *l = left, *r = right;

    for (; size > 0; size--, l++, r++)
        if (*l != *r)
            return *l < *r ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
        NOT_AN_IDIOM();
    }
    return length;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t size_max)
{
    for (; size_max > 0; size_max--, left++, right++) {
        const unsigned char l = (unsigned char)*left, r = (unsigned char)*right;

        if (l != r)
            return l < r ? -1 : 1;
        if (l == '\0')
            break;
    }
    return 0;
}
