/*
 * What the parts of the bindings know of each other.  Nothing here is visible
 * to the application: every name but those of solo5.h is made local.
 *
 * Each target directory provides the platform_* functions in files of the same
 * names; the files beside this header are shared by all targets.
 */
#ifndef BINDINGS_H
#define BINDINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mft_abi.h"
#include "solo5.h"

#define PAGE_SIZE 4096u

/* log.c: lines for whoever runs the guest. */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_always(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_banner(const char *target, unsigned abi_version);

/* options.c: takes Solo5's own options off the front of the command line,
 * applies them, and returns the rest. */
const char *options_parse(const char *cmdline);

/* exit.c */

void fail_at(const char *file, int line, const char *message, const void *cookie)
    __attribute__((noreturn));

#define FAIL(message) fail_at(__FILE__, __LINE__, (message), NULL)
#define FAIL_WITH_COOKIE(message, cookie) fail_at(__FILE__, __LINE__, (message), (cookie))
#define CHECK(condition)                              \
    do {                                              \
        if (!(condition))                             \
            FAIL("check failed: " #condition);        \
    } while (0)

/* heap.c: the memory between the end of the image and the end of memory. */
void heap_init(struct solo5_start_info *info, uint64_t mem_size);

/* manifest.c: index of the entry of that name and type, or -1; and the entry at
 * an index if it is of that type, or NULL. */
void manifest_init(const struct mft *manifest);
int manifest_find(const char *name, enum mft_type type);
const struct mft_entry *manifest_get(solo5_handle_t handle, enum mft_type type);

/* ssp.c: must run before any function that has a guard. */
void ssp_init(void);

/* The target's part. */

void platform_console_write(const char *buf, size_t size);
void platform_exit(int status, const void *cookie) __attribute__((noreturn));
solo5_result_t platform_set_tls_base(uintptr_t base);

/* Placed by the linker script; only their addresses mean something. */
extern const char _stext[], _etext[], _erodata[], _stdata[], _end[], _ltdata[], _ltbss[];

#endif
