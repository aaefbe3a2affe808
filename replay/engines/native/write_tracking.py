"""Which pages a process has written, as the kernel notes it at no cost but a fault for each page.

userfaultfd(2) in its asynchronous write-protecting mode, and the PAGEMAP_SCAN request of
``/proc/PID/pagemap``: Linux 6.7 or later. Numbers and layouts: linux/userfaultfd.h, linux/fs.h.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import struct
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from replay.engines.errors import EngineFailure
from replay.engines.native.child import Child
from replay.engines.ram import PAGE_BYTES

_SYS_CLOSE, _SYS_USERFAULTFD, _SYS_PIDFD_GETFD = 3, 323, 438
_USER_MODE_ONLY = 1
_API, _API_VERSION = 0xC018AA3F, 0xAA
_REGISTER, _MODE_WRITE_PROTECT = 0xC020AA00, 2
# UFFD_FEATURE_PAGEFAULT_FLAG_WP, _WP_HUGETLBFS_SHMEM, _WP_UNPOPULATED, _WP_ASYNC
_FEATURES = 1 << 0 | 1 << 12 | 1 << 13 | 1 << 15
_SCAN = 0xC0606610
_PROTECT_MATCHING, _CHECK_PROTECTED = 1, 2
_IS_WRITTEN = 2
_SCAN_ARGUMENT = struct.Struct("<12Q")  # struct pm_scan_arg
_WALK_END = 4
_REGIONS = 4096


@dataclass(frozen=True, slots=True)
class Tracked:
    """Addresses ``[start, end)`` of the process that show the guest's memory from ``gpa`` on."""

    start: int
    end: int
    gpa: int


class WriteTracking:
    """The kernel's notes about one child. To be made before the child is locked down.

    Raises OSError where the kernel does not do it, or not for this process.
    """

    def __init__(self, child: Child) -> None:
        number = child.call(_SYS_USERFAULTFD, os.O_CLOEXEC | _USER_MODE_ONLY)
        try:
            self._faults = _take_descriptor(child.tracee.pid, number)
        finally:
            child.call(_SYS_CLOSE, number)
        self._ends = [weakref.finalize(self, os.close, self._faults)]
        self._pagemap = os.open(f"/proc/{child.tracee.pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._ends.append(weakref.finalize(self, os.close, self._pagemap))
        self._regions = array.array("Q", bytes(24 * _REGIONS))
        self._tracked: Sequence[Tracked] = ()
        fcntl.ioctl(self._faults, _API, struct.pack("<3Q", _API_VERSION, _FEATURES, 0))

    def begin(self, tracked: Sequence[Tracked]) -> None:
        """Take notes about these from now on; OSError as for the class."""
        for each in tracked:
            size = each.end - each.start
            request = struct.pack("<4Q", each.start, size, _MODE_WRITE_PROTECT, 0)
            fcntl.ioctl(self._faults, _REGISTER, request)
        for each in tracked:
            self._scan(each)
        self._tracked = tuple(tracked)

    def take(self) -> set[int]:
        """The guest's pages, by number, that the process has written since the last time.

        Raises EngineFailure when it is gone.
        """
        written: set[int] = set()
        try:
            for each in self._tracked:
                written |= self._scan(each)
        except OSError as error:
            raise EngineFailure(f"the guest's process does not tell its pages: {error}") from error
        return written

    def close(self) -> None:
        """Take no more notes; twice does no harm."""
        for end in self._ends:
            end()

    def _scan(self, tracked: Tracked) -> set[int]:
        found: set[int] = set()
        flags = _PROTECT_MATCHING | _CHECK_PROTECTED
        at, shift = tracked.start, tracked.gpa - tracked.start
        regions, place = self._regions, self._regions.buffer_info()[0]
        while at < tracked.end:
            argument = bytearray(
                _SCAN_ARGUMENT.pack(
                    *(_SCAN_ARGUMENT.size, flags, at, tracked.end, 0, place, _REGIONS),
                    *(0, 0, _IS_WRITTEN, 0, _IS_WRITTEN),
                )
            )
            count = fcntl.ioctl(self._pagemap, _SCAN, argument)
            for start, end in zip(
                regions[0 : 3 * count : 3], regions[1 : 3 * count : 3], strict=True
            ):
                found.update(range((start + shift) // PAGE_BYTES, (end + shift) // PAGE_BYTES))
            at = _SCAN_ARGUMENT.unpack(argument)[_WALK_END]
        return found


def why_unavailable() -> str:
    """Why this host's kernel takes no such notes; empty where it does."""
    try:
        faults = _system_call(_SYS_USERFAULTFD, os.O_CLOEXEC | _USER_MODE_ONLY)
        try:
            fcntl.ioctl(faults, _API, struct.pack("<3Q", _API_VERSION, _FEATURES, 0))
        finally:
            os.close(faults)
    except OSError as error:
        return f"userfaultfd with asynchronous write protection (Linux 6.7): {error.strerror}"
    return ""


def _take_descriptor(pid: int, number: int) -> int:
    process = os.pidfd_open(pid)
    try:
        return _system_call(_SYS_PIDFD_GETFD, process, number, 0)
    finally:
        os.close(process)


def _system_call(number: int, *arguments: int) -> int:
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    answer = int(function(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments)))
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"system call {number}")
    return answer
