/*
 * A small printf engine.
 *
 * Conversions: %d %i %u %x %c %s %p %%.  Length: l, ll, z (all 64 bits).
 * Flags: 0 and -; width: a number.  %p prints 0x and lower-case digits.
 * Any other conversion is printed as it stands.
 */
#ifndef FREESTANDING_FORMAT_H
#define FREESTANDING_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size - 1 bytes and a NUL (nothing if size is 0); returns the
 * length of the whole text in bytes, which may be larger. */
size_t format_text(char *buf, size_t size, const char *format, va_list args);

#endif
