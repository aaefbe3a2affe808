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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import zstandard

from monitors.ports import Registers
from replay.machine.position import Position, parse_position
from replay.player.checkpoint import PageSet

_MAGIC = b"solo5-replay checkpoints 1\n"
_LENGTH = struct.Struct("<Q")
_FILE_BYTES_MAX = 1 << 30
_HEAD_BYTES_MAX = 64 << 20
_TEXT_BYTES_MAX = 1 << 28
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
    """What an earlier session has left for this trace; ``None`` for nothing that can be used."""
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    try:
        return _parsed(data, identity)
    except (ValueError, KeyError, TypeError, IndexError, struct.error, zstandard.ZstdError):
        return None


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


def _parsed(data: bytes, identity: str) -> Kept | None:
    if not data.startswith(_MAGIC):
        return None
    at = len(_MAGIC) + _LENGTH.size
    (head_bytes,) = _LENGTH.unpack_from(data, len(_MAGIC))
    if head_bytes > _HEAD_BYTES_MAX:
        return None
    head = json.loads(data[at : at + head_bytes])
    if head["trace"] != identity:
        return None
    frames = _Frames(data, at + head_bytes)
    checkpoints = [_checkpoint(each, frames) for each in head["checkpoints"]]
    positions = [each.position for each in checkpoints]
    if positions != sorted(set(positions)):
        return None
    return Kept(checkpoints, list(_console(head, frames)))


class _Frames:
    """The payloads of a file, in their order."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def take(self, size: int, checksum: int) -> bytes:
        """The next one, proved by its checksum; raises ValueError."""
        frame = self._data[self._at : self._at + size]
        self._at += size
        if len(frame) != size or google_crc32c.value(frame) != checksum:
            raise ValueError("damaged")
        return frame

    def inflate(self, size: int, checksum: int, length: int) -> bytes:
        """The next one, inflated to ``length`` bytes; raises ValueError."""
        frame = self.take(size, checksum)
        if length > _TEXT_BYTES_MAX:
            raise ValueError("too long")
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            found: bytes = reader.read(length + 1)
        if len(found) != length:
            raise ValueError("not as long as announced")
        return found


def _checkpoint(about: Mapping[str, Any], frames: _Frames) -> KeptCheckpoint:
    registers = {str(name): int(value, 16) for name, value in about["registers"].items()}
    pages = PageSet.unpacked_later(map(int, about["numbers"]), frames.take(*about["pages"]))
    return KeptCheckpoint(parse_position(about["position"]), int(about["steps"]), registers, pages)


def _console(head: Mapping[str, Any], frames: _Frames) -> Iterator[tuple[int, bytes]]:
    text = frames.inflate(*head["console_text"])
    at = 0
    for event, length in head["console"]:
        yield int(event), text[at : at + length]
        at += length
