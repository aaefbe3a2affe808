#include "hvt.h"

/* The tender checks the range against the capacity, but not that it is exactly
 * one block. */
static bool is_one_block(solo5_handle_t handle, solo5_off_t offset, size_t size)
{
    const struct mft_entry *entry = manifest_get(handle, MFT_DEV_BLOCK_BASIC);

    if (entry == NULL)
        return false;

    const solo5_off_t block_size = entry->u.block_basic.block_size;

    return size == block_size && (offset & (block_size - 1)) == 0;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset,
                                 const uint8_t *buf, size_t size)
{
    struct hvt_hc_block_write write = {
        .handle = handle, .offset = offset, .data = hvt_gpa(buf), .len = size};

    if (!is_one_block(handle, offset, size))
        return SOLO5_R_EINVAL;
    hvt_call(HVT_HYPERCALL_BLOCK_WRITE, &write);
    return (solo5_result_t)write.ret;
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
                                size_t size)
{
    struct hvt_hc_block_read read = {
        .handle = handle, .offset = offset, .data = hvt_gpa(buf), .len = size};

    if (!is_one_block(handle, offset, size))
        return SOLO5_R_EINVAL;
    hvt_call(HVT_HYPERCALL_BLOCK_READ, &read);
    return (solo5_result_t)read.ret;
}
