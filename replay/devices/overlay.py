"""Copy-on-write over an image: the guest writes, the image stays as it is."""

from __future__ import annotations

import os
import tempfile

from replay.devices.block import BlockStore
from replay.machine.errors import DeviceFailure
from replay.machine.sectors import SECTOR_BYTES, KnownSectors


class Overlay:
    """A ``BlockStore`` that keeps what is written in a nameless sparse file.

    That file lies where temporary files do (TMPDIR), grows with the sectors that the guest changes
    and is gone when the recorder is. ``base`` is only read.
    """

    def __init__(self, base: BlockStore) -> None:
        self.capacity_bytes = base.capacity_bytes
        self.block_size = base.block_size
        self._base = base
        self._changed = KnownSectors()
        try:
            self._file = tempfile.TemporaryFile(prefix="solo5-overlay-")  # noqa: SIM115 (close())
        except OSError as error:
            raise _failure(error) from error

    def read(self, offset: int, length: int) -> bytes:
        """See ``BlockStore``."""
        if self._changed.covers(offset, length):
            return self._read_changed(offset, length)
        data = bytearray(self._base.read(offset, length))
        for start, end in self._sectors(offset, length):
            if self._changed.covers(start, end - start):
                data[start - offset : end - offset] = self._read_changed(start, end - start)
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """See ``BlockStore``."""
        end = offset + len(data)
        for edge in {offset // SECTOR_BYTES, end // SECTOR_BYTES}:
            self._keep_rest_of_sector(edge * SECTOR_BYTES, offset, end)
        self._store(offset, data)

    def close(self) -> None:
        """Forget all changes."""
        self._file.close()
        self._base.close()

    def _keep_rest_of_sector(self, sector: int, offset: int, end: int) -> None:
        """Copy a sector from the base that a write of ``[offset, end)`` changes only in part."""
        touched = sector < end and offset < sector + SECTOR_BYTES
        whole = offset <= sector and sector + SECTOR_BYTES <= end
        if touched and not whole and not self._changed.covers(sector, SECTOR_BYTES):
            self._store(sector, self._base.read(sector, SECTOR_BYTES))

    def _store(self, offset: int, data: bytes) -> None:
        try:
            written = os.pwrite(self._file.fileno(), data, offset)
        except OSError as error:
            raise _failure(error) from error
        if written != len(data):
            raise DeviceFailure(f"stored {written} of {len(data)} bytes in the overlay")
        self._changed.learn(offset, len(data))

    def _read_changed(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._file.fileno(), length, offset)
        except OSError as error:
            raise _failure(error) from error

    @staticmethod
    def _sectors(offset: int, length: int) -> list[tuple[int, int]]:
        """The sectors that ``[offset, offset + length)`` touches, cut to it."""
        end = offset + length
        first = offset - offset % SECTOR_BYTES
        starts = range(first, end, SECTOR_BYTES)
        return [(max(start, offset), min(start + SECTOR_BYTES, end)) for start in starts]


def _failure(error: OSError) -> DeviceFailure:
    place = tempfile.gettempdir()
    return DeviceFailure(
        f"cannot keep the overlay's data in {place}: {error.strerror}; TMPDIR names another place"
    )
