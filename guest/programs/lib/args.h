/* Words and numbers from the command line. */
#ifndef LIB_ARGS_H
#define LIB_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the next word, separated by spaces, off the front of *rest.  False at
 * the end.  A word of size bytes or more is cut. */
bool args_next(const char **rest, char *word, size_t size);

/* Reads a whole word as a decimal number with an optional minus sign, or as a
 * hexadecimal one after 0x.  False if it is anything else. */
bool args_number(const char *word, int64_t *value);

#endif
