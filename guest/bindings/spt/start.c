#include "spt.h"

const struct spt_boot_info *boot_info;

static struct solo5_start_info start_info;

void spt_start(const struct spt_boot_info *info) __attribute__((noreturn));

/* The thread pointer still belongs to the tender, so it goes first. */
void spt_start(const struct spt_boot_info *info)
{
    ssp_init();
    (void)platform_set_tls_base(0);
    boot_info = info;
    start_info.cmdline = options_parse(info->cmdline);
    log_banner("spt", SPT_ABI_VERSION);
    heap_init(&start_info, info->mem_size);
    manifest_init(info->mft);
    solo5_exit(solo5_app_main(&start_info));
}
