"""Constants and layouts of the spt target: spt_abi.h, SPT_ABI_VERSION 2 (Solo5 v0.12).

A guest is given the numbers of open descriptors and passes them back in system calls. Which numbers
these are is the tender's choice; here they follow from the handles, so that they are the same in a
recording and in its replay.
"""

from __future__ import annotations

import struct

SPT_ABI_VERSION = 2
SPT_GUEST_MIN_BASE = 0x100000
SPT_HOST_MEM_BASE = 0x10000
SPT_BOOT_INFO_BASE = 0x11000
SPT_CMDLINE_SIZE = 8192
SPT_INTERNAL_TIMERFD = 0xFFFFFFFE
"""What the timer's event carries in place of a device's handle."""

SOLO5_R_OK = 0
SOLO5_R_AGAIN = 1
SOLO5_R_EINVAL = 2
SOLO5_R_EUNSPEC = 3

# struct spt_boot_info: mem_size, kernel_end, cmdline, mft, epollfd, timerfd
BOOT_INFO = struct.Struct("<QQQQii")

CONSOLE_FD = 1
_FIRST_DEVICE_FD = 3
_HANDLES = 64
EPOLL_FD = _FIRST_DEVICE_FD + _HANDLES
TIMER_FD = EPOLL_FD + 1


def device_fd(handle: int) -> int:
    """The descriptor that a guest is given for the device with a handle (below 64)."""
    return _FIRST_DEVICE_FD + handle
