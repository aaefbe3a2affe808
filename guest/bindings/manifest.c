#include "bindings.h"
#include "string.h"

static const struct mft *manifest;

void manifest_init(const struct mft *attached)
{
    CHECK(attached->version == MFT_VERSION && attached->entries <= MFT_MAX_ENTRIES);
    manifest = attached;
}

int manifest_find(const char *name, enum mft_type type)
{
    for (uint32_t i = 1; i < manifest->entries; i++)
        if (manifest->e[i].type == (uint32_t)type &&
            strncmp(manifest->e[i].name, name, MFT_NAME_SIZE) == 0)
            return (int)i;
    return -1;
}

/* Applications may keep their own bits above the low half of a handle. */
const struct mft_entry *manifest_get(solo5_handle_t handle, enum mft_type type)
{
    const uint32_t index = (uint32_t)handle;

    if (index >= manifest->entries || manifest->e[index].type != (uint32_t)type)
        return NULL;
    return &manifest->e[index];
}
