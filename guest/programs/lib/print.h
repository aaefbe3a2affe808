/* Text on the console. */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

/* Writes a text as it is. */
void print(const char *text);

/* Writes at most 511 bytes, with the conversions of freestanding/format.h, in
 * one console call. */
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
