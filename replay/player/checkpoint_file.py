"""Checkpoints kept beside a trace, so that the next session need not replay what this one did.

The file is a cache: it names the trace that it belongs to, and one that is damaged, foreign or of
another version is as good as none. Layout: a line of magic, the length of the head as u64 (little
endian), the head as JSON, and the payloads that the head lists one behind the other, each with its
CRC32C. A payload is a zstd frame.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import zstandard

from monitors.ports import Registers
from replay.machine.position import Position, parse_position
from replay.player.checkpoint import PageSet
from replay.player.errors import DamagedCheckpoint

_MAGIC = b"solo5-replay checkpoints 1\n"
_LENGTH = struct.Struct("<Q")
_HEAD_BYTES_MAX = 64 << 20
_TEXT_BYTES_MAX = 1 << 28
_EVENT_MAX = (1 << 63) - 1
_DAMAGED = (
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError),
    *(struct.error, zstandard.ZstdError, DamagedCheckpoint),
)
_IDENTITY_HEAD, _IDENTITY_TAIL = 1 << 20, 64 << 10


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint as it lies in the file: all of its registers by name, and the pages that differ
    from the kept checkpoint before it."""

    position: Position
    steps: int
    registers: Registers
    pages: PageSet


@dataclass(frozen=True, slots=True)
class Kept:
    """What one session leaves to the next: checkpoints in order, and what the guest printed up to
    the last of them, by event."""

    checkpoints: Sequence[KeptCheckpoint]
    console: Sequence[tuple[int, bytes]]
    file: BinaryIO | None = None

    def close(self) -> None:
        """Close the file behind it; pages that were not used yet are lost."""
        if self.file is not None:
            self.file.close()


def identity_of(trace: Path) -> str:
    """What tells this trace's file from all others; raises OSError."""
    size = trace.stat().st_size
    digest = hashlib.sha256(_LENGTH.pack(size))
    with trace.open("rb") as file:
        digest.update(file.read(_IDENTITY_HEAD))
        file.seek(max(0, size - _IDENTITY_TAIL))
        digest.update(file.read())
    return digest.hexdigest()


def write_kept(path: Path, identity: str, kept: Kept) -> None:
    """Put ``kept`` in place of what lies at ``path``, as a whole or not at all; raises OSError."""
    payloads = _Payloads()
    head = {
        "trace": identity,
        "checkpoints": [_described(each, payloads) for each in kept.checkpoints],
        "console": [[event, len(data)] for event, data in kept.console],
        "console_text": payloads.add(b"".join(data for _, data in kept.console)),
    }
    raw = json.dumps(head, separators=(",", ":")).encode()
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            file.write(_MAGIC + _LENGTH.pack(len(raw)) + raw)
            file.writelines(payloads.frames)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_kept(path: Path, identity: str) -> Kept | None:
    """What an earlier session has left for this trace; ``None`` for nothing that can be used.

    Pages stay in the file until they are needed. Whoever has the result closes it.
    """
    try:
        file = path.open("rb")
    except OSError:
        return None
    try:
        kept = _parsed(file, identity)
    except (*_DAMAGED, OSError):
        kept = None
    if kept is None:
        file.close()
    return kept


class _Payloads:
    """Compressed byte strings, and where each lies."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._compressor = zstandard.ZstdCompressor(level=1)

    def add(self, data: bytes) -> list[int]:
        return [*self.add_frame(self._compressor.compress(data)), len(data)]

    def add_frame(self, frame: bytes) -> list[int]:
        self.frames.append(frame)
        return [len(frame), google_crc32c.value(frame)]


def _described(checkpoint: KeptCheckpoint, payloads: _Payloads) -> dict[str, Any]:
    return {
        "position": str(checkpoint.position),
        "steps": checkpoint.steps,
        "registers": {name: f"{value:x}" for name, value in checkpoint.registers.items()},
        "numbers": sorted(checkpoint.pages.numbers),
        "pages": payloads.add_frame(checkpoint.pages.packed()),
    }


def _parsed(file: BinaryIO, identity: str) -> Kept | None:
    begin = file.read(len(_MAGIC) + _LENGTH.size)
    if not begin.startswith(_MAGIC):
        return None
    (head_bytes,) = _LENGTH.unpack_from(begin, len(_MAGIC))
    if head_bytes > _HEAD_BYTES_MAX:
        return None
    head = json.loads(file.read(head_bytes))
    if head["trace"] != identity:
        return None
    frames = _Frames(file, len(begin) + head_bytes)
    checkpoints = [_checkpoint(each, frames) for each in head["checkpoints"]]
    positions = [each.position for each in checkpoints]
    if positions != sorted(set(positions)):
        return None
    return Kept(checkpoints, list(_console(head, frames)), file)


class _Frames:
    """The payloads of a file, in their order."""

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file = file
        self._at = at

    def take(self, size: int, checksum: int) -> Callable[[], bytes]:
        """A function that reads the next one and proves it by its checksum."""
        at, self._at = self._at, self._at + int(size)
        return partial(_read_frame, self._file, at, int(size), checksum)

    def inflate(self, size: int, checksum: int, length: int) -> bytes:
        """The next one, inflated to ``length`` bytes; raises ValueError or DamagedCheckpoint."""
        frame = self.take(size, checksum)()
        if length > _TEXT_BYTES_MAX:
            raise ValueError("too long")
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            found: bytes = reader.read(length + 1)
        if len(found) != length:
            raise ValueError("not as long as announced")
        return found


def _read_frame(file: BinaryIO, at: int, size: int, checksum: int) -> bytes:
    try:
        frame = os.pread(file.fileno(), size, at)
    except (OSError, OverflowError, MemoryError) as error:
        raise DamagedCheckpoint(str(error)) from error
    if len(frame) != size or google_crc32c.value(frame) != checksum:
        raise DamagedCheckpoint("the checksum differs")
    return frame


def _checkpoint(about: Mapping[str, Any], frames: _Frames) -> KeptCheckpoint:
    registers = {str(name): int(value, 16) for name, value in about["registers"].items()}
    pages = PageSet.loaded_later(map(int, about["numbers"]), frames.take(*about["pages"]))
    return KeptCheckpoint(parse_position(about["position"]), int(about["steps"]), registers, pages)


def _console(head: Mapping[str, Any], frames: _Frames) -> Iterator[tuple[int, bytes]]:
    text = frames.inflate(*head["console_text"])
    at, last = 0, -1
    for event, length in head["console"]:
        if not last < event <= _EVENT_MAX or length < 0:
            raise ValueError("not in order")
        yield int(event), text[at : at + length]
        at, last = at + length, event
