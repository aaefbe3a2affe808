"""Block devices on image files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.net import IoStatus
from replay.machine.errors import DeviceFailure

DEFAULT_BLOCK_SIZE = 512
_OK, _EINVAL = 0, 2
_LENGTH_MAX = (1 << 63) - 1


class BlockImage:
    """One image, open for reading and writing; ``capacity_bytes`` is its size when opened."""

    def __init__(self, path: Path, block_size: int = DEFAULT_BLOCK_SIZE) -> None:
        self.path = path
        self.block_size = block_size
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceFailure(f"cannot open {path}: {error.strerror}") from error
        self.capacity_bytes = os.lseek(self._fd, 0, os.SEEK_END)
        self._check_capacity()

    def _check_capacity(self) -> None:
        if self.capacity_bytes % self.block_size:
            raise DeviceFailure(f"{self.path}: Backing storage size must be block aligned")
        if self.capacity_bytes < self.block_size:
            raise DeviceFailure(f"{self.path}: Backing storage must hold at least one block")

    def holds(self, offset: int, length: int) -> bool:
        """Whether a transfer lies inside the device."""
        capacity = self.capacity_bytes
        return length <= _LENGTH_MAX and offset < capacity and offset + length <= capacity

    def read(self, offset: int, length: int) -> bytes:
        """All bytes asked for; a host error or a short read is a ``DeviceFailure``."""
        try:
            data = os.pread(self._fd, length, offset)
        except OSError as error:
            raise DeviceFailure(f"cannot read {self.path}: {error.strerror}") from error
        if len(data) != length:
            raise DeviceFailure(f"{self.path} is shorter than when it was opened")
        return data

    def write(self, offset: int, data: bytes) -> None:
        """All bytes given; a host error or a short write is a ``DeviceFailure``."""
        try:
            written = os.pwrite(self._fd, data, offset)
        except OSError as error:
            raise DeviceFailure(f"cannot write {self.path}: {error.strerror}") from error
        if written != len(data):
            raise DeviceFailure(f"cannot write all of {len(data)} bytes to {self.path}")


class BlockDevices:
    """All block devices of a guest, by handle."""

    def __init__(self, images: Mapping[int, BlockImage]) -> None:
        self._images = images

    def read(self, call: BlockRead) -> BlockData:
        """Data, or EINVAL for a wrong handle or range."""
        image = self._images.get(call.handle)
        if image is None or not image.holds(call.offset, call.length):
            return BlockData(_EINVAL, b"")
        return BlockData(_OK, image.read(call.offset, call.length))

    def write(self, call: BlockWrite) -> IoStatus:
        """OK, or EINVAL for a wrong handle or range."""
        image = self._images.get(call.handle)
        if image is None or not image.holds(call.offset, len(call.data)):
            return IoStatus(_EINVAL)
        image.write(call.offset, call.data)
        return IoStatus(_OK)
