"""Known sectors in memory that an agent can share: ``KnownSectors`` as a plain bitmap."""

from __future__ import annotations

import mmap
import os
import weakref

from replay.machine.sectors import SECTOR_BYTES, KnownSectors

_SECTORS_PER_PAGE = mmap.PAGESIZE * 8


class SharedSectors(KnownSectors):
    """The known sectors of a device of ``capacity_bytes``: a sparse file (``fd``), sector n being
    bit n % 8 of byte n // 8. Only sectors within the capacity can become known."""

    def __init__(self, capacity_bytes: int) -> None:
        sectors = capacity_bytes // SECTOR_BYTES
        size = max(-(-sectors // _SECTORS_PER_PAGE), 1) * mmap.PAGESIZE
        self.fd = os.memfd_create("solo5-sectors", os.MFD_CLOEXEC)
        self._close_fd = weakref.finalize(self, os.close, self.fd)
        os.ftruncate(self.fd, size)
        self._bits = mmap.mmap(self.fd, size)
        self._end = sectors

    def learn(self, offset: int, length: int) -> None:
        """See ``KnownSectors``."""
        first, end = -(-offset // SECTOR_BYTES), min((offset + length) // SECTOR_BYTES, self._end)
        if first < end:
            self._store(first, end, self._load(first, end) | (1 << end - first) - 1)

    def covers(self, offset: int, length: int) -> bool:
        """See ``KnownSectors``."""
        first, end = offset // SECTOR_BYTES, -(-(offset + length) // SECTOR_BYTES)
        if end > self._end:
            return False
        return first >= end or self._load(first, end) == (1 << end - first) - 1

    def _load(self, first: int, end: int) -> int:
        """The bits of sectors ``[first, end)``."""
        word = int.from_bytes(self._bits[first // 8 : -(-end // 8)], "little")
        return word >> first % 8 & (1 << end - first) - 1

    def _store(self, first: int, end: int, bits: int) -> None:
        start, stop = first // 8, -(-end // 8)
        word = int.from_bytes(self._bits[start:stop], "little") | bits << first % 8
        self._bits[start:stop] = word.to_bytes(stop - start, "little")
