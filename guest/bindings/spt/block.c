/*
 * The tender's filter ends the unikernel for anything but one block inside the
 * device, so nothing else may reach it.
 */
#include "spt.h"

static const struct mft_entry *device_of_block(solo5_handle_t handle, solo5_off_t offset,
                                               size_t size)
{
    const struct mft_entry *entry = manifest_get(handle, MFT_DEV_BLOCK_BASIC);

    if (entry == NULL)
        return NULL;

    const solo5_off_t block_size = entry->u.block_basic.block_size;
    const bool is_block = size == block_size && (offset & (block_size - 1)) == 0 &&
                          offset <= entry->u.block_basic.capacity - block_size;

    return is_block ? entry : NULL;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset,
                                 const uint8_t *buf, size_t size)
{
    const struct mft_entry *entry = device_of_block(handle, offset, size);

    if (entry == NULL)
        return SOLO5_R_EINVAL;

    const int64_t written = linux_pwrite64(entry->b.hostfd, buf, size, offset);

    return written == (int64_t)size ? SOLO5_R_OK : SOLO5_R_EUNSPEC;
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
                                size_t size)
{
    const struct mft_entry *entry = device_of_block(handle, offset, size);

    if (entry == NULL)
        return SOLO5_R_EINVAL;

    const int64_t count = linux_pread64(entry->b.hostfd, buf, size, offset);

    return count == (int64_t)size ? SOLO5_R_OK : SOLO5_R_EUNSPEC;
}
