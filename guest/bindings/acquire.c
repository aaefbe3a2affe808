/* Devices by name.  A device may be acquired again, and is the same then. */
#include "bindings.h"
#include "string.h"

static const struct mft_entry *acquire(const char *name, enum mft_type type,
                                       solo5_handle_t *handle)
{
    const int index = manifest_find(name, type);

    if (index < 0)
        return NULL;

    const struct mft_entry *entry = manifest_get((solo5_handle_t)index, type);

    CHECK(entry->attached);
    *handle = (solo5_handle_t)index;
    return entry;
}

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle,
                                 struct solo5_net_info *info)
{
    const struct mft_entry *entry = acquire(name, MFT_DEV_NET_BASIC, handle);

    if (entry == NULL)
        return SOLO5_R_EINVAL;
    memcpy(info->mac_address, entry->u.net_basic.mac, SOLO5_NET_ALEN);
    info->mtu = entry->u.net_basic.mtu;
    return SOLO5_R_OK;
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
                                   struct solo5_block_info *info)
{
    const struct mft_entry *entry = acquire(name, MFT_DEV_BLOCK_BASIC, handle);

    if (entry == NULL)
        return SOLO5_R_EINVAL;
    info->capacity = entry->u.block_basic.capacity;
    info->block_size = entry->u.block_basic.block_size;
    return SOLO5_R_OK;
}
