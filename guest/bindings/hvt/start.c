#include "bare.h"
#include "hvt.h"

const struct hvt_boot_info *boot_info;

static struct solo5_start_info start_info;

void hvt_start(const struct hvt_boot_info *info) __attribute__((noreturn));

void hvt_start(const struct hvt_boot_info *info)
{
    ssp_init();
    (void)platform_set_tls_base(0);
    cpu_tables_init();
    boot_info = info;
    start_info.cmdline = options_parse((const char *)(uintptr_t)info->cmdline);
    log_banner("hvt", HVT_ABI_VERSION);
    heap_init(&start_info, info->mem_size);
    hvt_clock_init();
    manifest_init((const struct mft *)(uintptr_t)info->mft);
    solo5_exit(solo5_app_main(&start_info));
}
