"""Block devices on image files and block special files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.net import IoStatus
from replay.devices.host_errors import HostErrorPolicy, ends_the_run
from replay.devices.locking import lock_for_reading, lock_for_writing
from replay.machine.errors import DeviceFailure

DEFAULT_BLOCK_SIZE = 512
_OK, _EINVAL = 0, 2
_LENGTH_MAX = (1 << 63) - 1
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY)


class BlockStore(Protocol):
    """What stands behind a block device; ``capacity_bytes`` never changes.

    ``read`` gives all bytes asked for and ``write`` takes all bytes given, both inside the
    capacity; a host that cannot is a ``DeviceFailure``.
    """

    @property
    def capacity_bytes(self) -> int: ...

    @property
    def block_size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def write(self, offset: int, data: bytes) -> None: ...

    def close(self) -> None: ...


class BlockImage:
    """One image, open and locked; ``capacity_bytes`` is its size when opened.

    A ``read_only`` one shares its lock with others and never calls ``write``.
    """

    def __init__(
        self, path: Path, block_size: int = DEFAULT_BLOCK_SIZE, *, read_only: bool = False
    ) -> None:
        self.path = path
        self.block_size = block_size
        self.fd = _open(path, read_only=read_only)
        try:
            lock = lock_for_reading if read_only else lock_for_writing
            lock(self.fd, path)
            self.capacity_bytes = _capacity(self.fd, path, block_size)
        except DeviceFailure:
            self.close()
            raise

    def read(self, offset: int, length: int) -> bytes:
        """See ``BlockStore``."""
        try:
            data = os.pread(self.fd, length, offset)
        except OSError as error:
            raise DeviceFailure(f"cannot read {self.path}: {error.strerror}") from error
        if len(data) != length:
            raise DeviceFailure(f"{self.path} is shorter than when it was opened")
        return data

    def write(self, offset: int, data: bytes) -> None:
        """See ``BlockStore``."""
        try:
            written = os.pwrite(self.fd, data, offset)
        except OSError as error:
            raise DeviceFailure(f"cannot write {self.path}: {error.strerror}") from error
        if written != len(data):
            raise DeviceFailure(f"cannot write all of {len(data)} bytes to {self.path}")

    def close(self) -> None:
        """Close the file, which gives up the lock."""
        os.close(self.fd)


def _open(path: Path, *, read_only: bool) -> int:
    # Without O_NONBLOCK a pipe would wait for its other end.
    access = os.O_RDONLY if read_only else os.O_RDWR
    try:
        return os.open(path, access | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        what = f"cannot open {path}: {error.strerror}"
        if not read_only:
            what = f"cannot open {path} for reading and writing: {error.strerror}"
        if not read_only and error.errno in _UNWRITABLE:
            what += "; for an image that must not change there is --block-overlay"
        raise DeviceFailure(what) from error


def _capacity(fd: int, path: Path, block_size: int) -> int:
    """The size of a file or block special file in bytes, whole blocks and one at least."""
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise DeviceFailure(f"{path} is neither a file nor a block device")
    capacity = os.lseek(fd, 0, os.SEEK_END)
    if capacity % block_size:
        raise DeviceFailure(
            f"{path}: Backing storage size must be block aligned: {capacity} bytes are not a "
            f"multiple of {block_size}"
        )
    if capacity < block_size:
        raise DeviceFailure(f"{path}: Backing storage must hold at least one block: it is empty")
    return capacity


class BlockDevices:
    """All block devices of a guest, by handle, and what to do when a store fails."""

    def __init__(
        self, stores: Mapping[int, BlockStore], on_error: HostErrorPolicy = ends_the_run
    ) -> None:
        self._stores = stores
        self._on_error = on_error

    def read(self, call: BlockRead) -> BlockData:
        """Data, or EINVAL for a wrong handle or range."""
        store = self._stores.get(call.handle)
        if store is None or not _holds(store, call.offset, call.length):
            return BlockData(_EINVAL, b"")
        try:
            return BlockData(_OK, store.read(call.offset, call.length))
        except DeviceFailure as error:
            return BlockData(self._on_error(str(error)), b"")

    def write(self, call: BlockWrite) -> IoStatus:
        """OK, or EINVAL for a wrong handle or range."""
        store = self._stores.get(call.handle)
        if store is None or not _holds(store, call.offset, len(call.data)):
            return IoStatus(_EINVAL)
        try:
            store.write(call.offset, call.data)
        except DeviceFailure as error:
            return IoStatus(self._on_error(str(error)))
        return IoStatus(_OK)


def _holds(store: BlockStore, offset: int, length: int) -> bool:
    capacity = store.capacity_bytes
    return length <= _LENGTH_MAX and offset < capacity and offset + length <= capacity
