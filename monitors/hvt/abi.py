"""Constants and layouts of the hvt target: hvt_abi.h, HVT_ABI_VERSION 2 (Solo5 v0.12)."""

from __future__ import annotations

import enum
import struct

HVT_ABI_VERSION = 2
HVT_HYPERCALL_PIO_BASE = 0x500
HVT_CMDLINE_SIZE = 8192
HVT_HALT_COOKIE_MAX = 512

SOLO5_R_OK = 0
SOLO5_R_AGAIN = 1
SOLO5_R_EINVAL = 2


class Hypercall(enum.IntEnum):
    """Numbers of the hypercalls: ``out`` of 4 bytes to port HVT_HYPERCALL_PIO_BASE + number."""

    WALLTIME = 1
    PUTS = 2
    POLL = 3
    BLOCK_WRITE = 4
    BLOCK_READ = 5
    NET_WRITE = 6
    NET_READ = 7
    HALT = 8


HVT_HYPERCALL_MAX = 9

# struct hvt_boot_info: mem_size, kernel_end, cpu_cycle_freq, cmdline, mft, host_features,
# guest_features, net_ring
BOOT_INFO = struct.Struct("<QQQQQIIQ")

# struct hvt_hc_walltime: nsecs
WALLTIME = struct.Struct("<Q")
# struct hvt_hc_puts: data, len
PUTS = struct.Struct("<QQ")
# struct hvt_hc_poll: timeout_nsecs; ready_set @8, ret @16 are written
POLL = struct.Struct("<QQi4x")
POLL_ANSWER_AT = 8
POLL_ANSWER = struct.Struct("<Qi")
# struct hvt_hc_block_write, hvt_hc_block_read: handle, offset, data, len; ret @32 is written
BLOCK = struct.Struct("<QQQQi4x")
BLOCK_RET_AT = 32
# struct hvt_hc_net_write, hvt_hc_net_read: handle, data, len @16; ret @24 is written
NET = struct.Struct("<QQQi4x")
NET_LEN_AT = 16
NET_RET_AT = 24
NET_READ_ANSWER = struct.Struct("<Qi")
# struct hvt_hc_halt: cookie, exit_status
HALT = struct.Struct("<Qi4x")

RET = struct.Struct("<i")
"""A ``ret`` field: a SOLO5_R_* value, or for POLL a number of devices."""
