#include "bare.h"
#include "hvt.h"

void platform_exit(int status, const void *cookie)
{
    struct hvt_hc_halt halt = {.cookie = hvt_gpa(cookie), .exit_status = status};

    for (;;)
        hvt_call(HVT_HYPERCALL_HALT, &halt);
}

solo5_result_t platform_set_tls_base(uintptr_t base)
{
    cpu_write_msr(CPU_MSR_FS_BASE, base);
    return SOLO5_R_OK;
}
