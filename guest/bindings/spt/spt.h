/* What the files of this directory share. */
#ifndef BINDINGS_SPT_H
#define BINDINGS_SPT_H

#include "bindings.h"
#include "linux.h"
#include "spt_abi.h"

/* Valid from the first line of spt_start on. */
extern const struct spt_boot_info *boot_info;

#endif
