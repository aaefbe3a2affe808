"""Guest memory: one anonymous file that every engine maps.

Zero at start and sparse: a page costs the host nothing until the guest or a result touches it.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import weakref
from collections.abc import Iterator

from replay.engines.errors import EngineUnavailable

PAGE_BYTES = 4096


class GuestRam:
    """``size`` bytes of guest physical memory from address 0.

    Raises EngineUnavailable where no process can have such memory, and OSError for too much of it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.fd = _anonymous_file()
        self._close_fd = weakref.finalize(self, os.close, self.fd)
        os.ftruncate(self.fd, size)
        self._map = mmap.mmap(self.fd, size)
        self.view = memoryview(self._map)
        self._anchor = ctypes.c_char.from_buffer(self._map)

    @property
    def address(self) -> int:
        """Where the memory lies in this process."""
        return ctypes.addressof(self._anchor)

    def resident_ranges(self) -> Iterator[tuple[int, int]]:
        """The ``[start, end)`` ranges that the host has pages for; all else is zero."""
        position = 0
        while position < self.size:
            try:
                start = os.lseek(self.fd, position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            position = os.lseek(self.fd, start, os.SEEK_HOLE)
            yield start, position

    def close(self) -> None:
        """Give the memory back; once is enough, and twice does no harm."""
        if self._close_fd.alive:
            del self._anchor
            self.view.release()
            self._map.close()
            self._close_fd()


def _anonymous_file() -> int:
    try:
        return os.memfd_create("solo5-guest", os.MFD_CLOEXEC)
    except PermissionError as error:
        what = f"guest memory is an anonymous file, and memfd_create says: {error.strerror}"
        remedy = "allow memfd_create for this container"
        raise EngineUnavailable("of any kind", what, remedy) from error
