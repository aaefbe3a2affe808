"""A file's first object as bytes: the header's map, recognised, bounded and taken apart.

The first three keys are read on their own, so that a file of any later version can still be named.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from traces.errors import DAMAGED, Corrupt, LimitExceeded, NotATrace, TraceError, Truncated
from traces.limits import HEADER_BYTES_MAX, NAME_CHARS_MAX, U32_MAX
from traces.packing import Malformed, OutOfData, new_header_unpacker, new_packer

_MAGIC = b"\xa6format\xb2solo5-replay trace"


@dataclass(frozen=True, slots=True)
class Preamble:
    """What every version says about itself: the format's version and the program that wrote it."""

    version: tuple[int, int]
    created_by: str


def encode_header(values: dict[str, object]) -> bytes:
    """A header's bytes; raises LimitExceeded for one that no reader would take."""
    data = new_packer()(values)
    if len(data) > HEADER_BYTES_MAX:
        raise LimitExceeded("bytes of the header", limit=HEADER_BYTES_MAX, actual=len(data))
    return data


def seal_of(header: bytes) -> bytes:
    """What the block behind the header holds: the SHA-256 of the header's bytes."""
    return hashlib.sha256(header).digest()


def parse_preamble(window: bytes) -> Preamble:
    """Version and writer from a file's first bytes; NotATrace, Truncated or Corrupt otherwise."""
    _check_magic(window)
    pairs = _HeaderPairs(window)
    for name in ("format", "version", "created_by"):
        key, value = pairs.next()
        if key != name:
            raise Corrupt(f"header key {name!r} is missing", offset_bytes=0, hint=DAMAGED)
        pairs.values[name] = value
    return Preamble(_version(pairs.values["version"]), _writer(pairs.values["created_by"]))


def parse_header(window: bytes) -> tuple[dict[str, object], int]:
    """The header's map and its size in bytes, from a window at the file's start."""
    _check_magic(window)
    pairs = _HeaderPairs(window)
    for _ in range(pairs.count):
        key, value = pairs.next()
        if not isinstance(key, str):
            raise Corrupt("a header key is not text", offset_bytes=0, hint=DAMAGED)
        pairs.values[key] = value
    return pairs.values, pairs.size


class _HeaderPairs:
    """The keys and values of a header, one after another."""

    def __init__(self, window: bytes) -> None:
        self._window = window
        self._unpacker = new_header_unpacker(window)
        self.values: dict[str, object] = {}
        try:
            self.count = self._unpacker.read_map_header()
        except (OutOfData, *Malformed) as error:
            raise self._bad(error) from error

    def next(self) -> tuple[object, object]:
        try:
            return self._unpacker.unpack(), self._unpacker.unpack()
        except (OutOfData, *Malformed) as error:
            raise self._bad(error) from error

    @property
    def size(self) -> int:
        return self._unpacker.tell()

    def _bad(self, error: Exception) -> TraceError:
        if not isinstance(error, OutOfData):
            return Corrupt(f"header: {error}", offset_bytes=0, hint=DAMAGED)
        if len(self._window) >= HEADER_BYTES_MAX:
            return LimitExceeded(
                "bytes of the header", limit=HEADER_BYTES_MAX, actual=len(self._window)
            )
        return Truncated("the file ends inside the header", offset_bytes=len(self._window))


def _check_magic(window: bytes) -> None:
    if not window:
        raise NotATrace("the file is empty", hint="a recording was never begun or never stored")
    is_map = window[0] & 0xF0 == 0x80 or window[0] == 0xDE
    start = 1 if window[0] != 0xDE else 3
    found = window[start : start + len(_MAGIC)]
    if not is_map or not _MAGIC.startswith(found):
        raise NotATrace("the file is not a solo5-replay trace")
    if len(found) < len(_MAGIC):
        raise Truncated("the file ends inside the header", offset_bytes=len(window))


def _version(value: object) -> tuple[int, int]:
    match value:
        case [int(major), int(minor)] if 0 < major <= U32_MAX and 0 <= minor <= U32_MAX:
            return major, minor
    raise Corrupt("the header's version is not [major, minor]", offset_bytes=0, hint=DAMAGED)


def _writer(value: object) -> str:
    if isinstance(value, str) and len(value) <= NAME_CHARS_MAX:
        return value
    raise Corrupt("the header's created_by is not text", offset_bytes=0, hint=DAMAGED)
