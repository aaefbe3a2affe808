"""A trace's file as blocks at offsets: the only reading of trace files there is.

Nothing here is kept in memory but what is asked for, and no length is believed before it has been
compared with a limit and with the file's size.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from traces.errors import DAMAGED, Corrupt, NotATrace, Truncated
from traces.framing import (
    HEADER_SEAL,
    TRAILER_BYTES,
    BlockHead,
    Trailer,
    open_payload,
    parse_block_head,
    parse_trailer,
)
from traces.limits import BLOCK_HEAD_BYTES_MAX, HEADER_BYTES_MAX
from traces.locking import has_writer
from traces.preamble import Preamble, parse_header, parse_preamble, seal_of


class BlockFile:
    """An open trace file of the size that it had when it was opened or looked at again."""

    def __init__(self, path: Path | str) -> None:
        """Opens ``path``; raises NotATrace for what cannot be read or is not a regular file."""
        self.path = os.fspath(path)
        try:
            # A FIFO would otherwise wait for its writer.
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise NotATrace(f"cannot be opened ({why})", path=self.path) from error
        status = os.fstat(self._fd)
        self.size_bytes = status.st_size
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise NotATrace("is not a regular file", path=self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; the object is of no further use."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def grow(self) -> bool:
        """Look whether the file has become longer, which then can be read; it does not shrink."""
        size_bytes = os.fstat(self._fd).st_size
        if size_bytes <= self.size_bytes:
            return False
        self.size_bytes = size_bytes
        return True

    def has_writer(self) -> bool:
        """Whether the file is still being written, as far as this host can tell."""
        return has_writer(self._fd)

    def read(self, offset_bytes: int, size: int) -> bytes:
        """Exactly ``size`` bytes; raises Truncated when the file has fewer there."""
        if offset_bytes + size > self.size_bytes:
            raise Truncated("the file ends inside a block", offset_bytes=offset_bytes)
        try:
            data = os.pread(self._fd, size, offset_bytes)
        except OSError as error:
            raise Corrupt(f"cannot be read ({error})", offset_bytes=offset_bytes) from error
        if len(data) != size:
            raise Truncated("the file has become shorter", offset_bytes=offset_bytes)
        return data

    def preamble(self) -> Preamble:
        """The version and the writer; raises NotATrace, Truncated or Corrupt."""
        return parse_preamble(self._window(0, HEADER_BYTES_MAX))

    def header(self) -> tuple[dict[str, object], int]:
        """The header's map, proved by its seal, and where the first block behind both begins."""
        window = self._window(0, HEADER_BYTES_MAX)
        values, size = parse_header(window)
        seal = self.head(size)
        if seal.tag != HEADER_SEAL or seal.count != size:
            raise Corrupt("the header is not followed by its seal", offset_bytes=size, hint=DAMAGED)
        if self.payload(seal) != seal_of(window[:size]):
            raise Corrupt("the header is not what was written", offset_bytes=0, hint=DAMAGED)
        return values, seal.end_bytes

    def head(self, offset_bytes: int) -> BlockHead:
        """The head of the block at ``offset_bytes``, whose payload the file has in full."""
        head = parse_block_head(self._window(offset_bytes, BLOCK_HEAD_BYTES_MAX), offset_bytes)
        if head.end_bytes > self.size_bytes:
            missing = head.end_bytes - self.size_bytes
            raise Truncated(
                f"the file ends {missing} bytes before the end of block {head.tag!r}",
                offset_bytes=offset_bytes,
            )
        return head

    def payload(self, head: BlockHead) -> bytes:
        """The inflated payload of a block; raises Corrupt for a wrong checksum."""
        return open_payload(head, self.read(head.payload_offset_bytes, head.payload_bytes))

    def heads(self, offset_bytes: int, end_bytes: int | None = None) -> Iterator[BlockHead]:
        """The heads of all blocks from ``offset_bytes`` to the end; raises at the first bad one."""
        end = self.size_bytes if end_bytes is None else end_bytes
        while offset_bytes < end:
            head = self.head(offset_bytes)
            yield head
            offset_bytes = head.end_bytes

    def trailer(self) -> Trailer | None:
        """The trailer, or None for a file that was not finished."""
        start = self.size_bytes - TRAILER_BYTES
        return parse_trailer(self.read(start, TRAILER_BYTES)) if start >= 0 else None

    def _window(self, offset_bytes: int, size_max: int) -> bytes:
        left = max(self.size_bytes - offset_bytes, 0)
        return self.read(min(offset_bytes, self.size_bytes), min(size_max, left))
