/*
 * The stack protector.  The guard is a global variable because there is no
 * thread-local storage before the application makes some.
 */
#include "bindings.h"
#include "cpu.h"

/* A NUL byte inside the guard stops string functions that run over it. */
#define NUL_BYTE UINT64_C(0xff00)

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x00deadbeef0d0a00;

void __stack_chk_fail(void) __attribute__((noreturn));

void ssp_init(void)
{
    const uint64_t first = cpu_cycles();
    const uint64_t second = cpu_cycles();

    __stack_chk_guard = (first + (second << 32)) & ~NUL_BYTE;
}

/* The stack cannot be trusted: no formatting here, and the NUL goes out too, as
 * it does from other implementations. */
void __stack_chk_fail(void)
{
    static const char message[] = "Solo5: ABORT: Stack corruption detected\n";

    platform_console_write(message, sizeof message);
    platform_exit(SOLO5_EXIT_ABORT, NULL);
}
