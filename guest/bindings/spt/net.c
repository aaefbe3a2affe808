#include "spt.h"

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size)
{
    const struct mft_entry *entry = manifest_get(handle, MFT_DEV_NET_BASIC);

    if (entry == NULL)
        return SOLO5_R_EINVAL;

    const int64_t written = linux_write(entry->b.hostfd, buf, size);

    return written == (int64_t)size ? SOLO5_R_OK : SOLO5_R_EUNSPEC;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size,
                              size_t *read_size)
{
    const struct mft_entry *entry = manifest_get(handle, MFT_DEV_NET_BASIC);

    if (entry == NULL)
        return SOLO5_R_EINVAL;

    const int64_t count = linux_read(entry->b.hostfd, buf, size);

    if (count < 0)
        return count == -LINUX_EAGAIN ? SOLO5_R_AGAIN : SOLO5_R_EUNSPEC;
    *read_size = (size_t)count;
    return SOLO5_R_OK;
}
