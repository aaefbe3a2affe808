#include "spt.h"

/* Nobody wants the cookie: the tender is gone when the unikernel ends. */
void platform_exit(int status, const void *cookie)
{
    (void)cookie;
    for (;;)
        linux_exit_group(status);
}

solo5_result_t platform_set_tls_base(uintptr_t base)
{
    return linux_arch_prctl(ARCH_SET_FS, base) == 0 ? SOLO5_R_OK : SOLO5_R_EINVAL;
}
