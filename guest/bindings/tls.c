/*
 * Variant II of the ELF thread-local storage: initialised data, zero data, and
 * then, where the thread pointer points, the pointer itself.
 */
#include "bindings.h"
#include "string.h"

static size_t data_size(void)
{
    return (size_t)_ltdata;
}

static size_t bss_size(void)
{
    return (size_t)_ltbss;
}

size_t solo5_tls_size(void)
{
    return data_size() + bss_size() + sizeof(uintptr_t);
}

uintptr_t solo5_tls_tp_offset(uintptr_t tls)
{
    return tls + data_size() + bss_size();
}

solo5_result_t solo5_tls_init(uintptr_t tls)
{
    if (tls == 0)
        return SOLO5_R_EINVAL;

    const uintptr_t tp = solo5_tls_tp_offset(tls);

    *(uintptr_t *)tp = tp;
    memcpy((void *)tls, _stdata, data_size());
    return SOLO5_R_OK;
}

solo5_result_t solo5_set_tls_base(uintptr_t base)
{
    return platform_set_tls_base(base);
}
