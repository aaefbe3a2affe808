/*
 * Hypercalls only.  The ring that a tender may offer beside them is never used:
 * memory that the host writes at any time could not be replayed.
 */
#include "hvt.h"

/* The tender refuses these calls altogether when no device is attached, so the
 * handle is looked at first. */
solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size)
{
    struct hvt_hc_net_write write = {.handle = handle, .data = hvt_gpa(buf), .len = size};

    if (manifest_get(handle, MFT_DEV_NET_BASIC) == NULL)
        return SOLO5_R_EINVAL;
    hvt_call(HVT_HYPERCALL_NET_WRITE, &write);
    return (solo5_result_t)write.ret;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size,
                              size_t *read_size)
{
    struct hvt_hc_net_read read = {.handle = handle, .data = hvt_gpa(buf), .len = size};

    if (manifest_get(handle, MFT_DEV_NET_BASIC) == NULL)
        return SOLO5_R_EINVAL;
    hvt_call(HVT_HYPERCALL_NET_READ, &read);
    *read_size = read.len;
    return (solo5_result_t)read.ret;
}
