"""What a replay knows of block devices: everything that its trace has shown so far."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from typing import BinaryIO

from monitors.calls.block import BlockRead, BlockWrite
from replay.machine.sectors import KnownSectors
from traces.errors import Corrupt


class KnownBlocks:
    """The contents of all devices so far, in nameless sparse files by handle."""

    def __init__(self) -> None:
        self._known: defaultdict[int, KnownSectors] = defaultdict(KnownSectors)
        self._files: defaultdict[int, BinaryIO] = defaultdict(nameless_file)

    def learn(self, handle: int, offset: int, data: bytes) -> None:
        """Bytes that a read or a write has shown; raises OSError where there is no room."""
        fd, rest, at = self._files[handle].fileno(), memoryview(data), offset
        while rest:
            written = os.pwrite(fd, rest, at)
            rest, at = rest[written:], at + written
        self._known[handle].learn(offset, len(data))

    def written(self, call: BlockWrite) -> None:
        """A write that the device accepted."""
        self.learn(call.handle, call.offset, call.data)

    def recall(self, call: BlockRead) -> bytes:
        """The bytes of a read that the trace calls known; raises Corrupt when they are not."""
        if not self._known[call.handle].covers(call.offset, call.length):
            raise Corrupt(
                f"a read of {call.length} bytes at {call.offset} of device {call.handle} is marked "
                "as known, but its bytes do not occur before",
                hint="the trace is damaged; `solo5-trace salvage` keeps what can be kept",
            )
        return os.pread(self._files[call.handle].fileno(), call.length, call.offset)

    def contents(self, handle: int, offset: int, length: int) -> bytes:
        """``length`` bytes at ``offset`` of a device; zeros where nothing was shown."""
        found = os.pread(self._files[handle].fileno(), length, offset)
        return found.ljust(length, b"\0")

    def share(self, handle: int, known: KnownSectors) -> int:
        """Keep the known sectors of a device, of which nothing was shown yet, in ``known``; returns
        the descriptor of the file with its contents."""
        self._known[handle] = known
        return self._files[handle].fileno()

    def close(self) -> None:
        """Forget everything."""
        for file in self._files.values():
            file.close()
        self._files.clear()


def nameless_file() -> BinaryIO:
    """An empty file that goes with its last descriptor."""
    return tempfile.TemporaryFile(prefix="solo5-block-")
