"""What passes between a survey's process and the one that started it: msgpack, and bounds.

The process runs what a trace says, so that nothing is believed that comes from it.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]

from replay.player.given_log import Chunk
from replay.player.verdict import CannotReplay, Diverged, Faithful, Incomplete, Verdict

CHUNK_BYTES = 64 << 10
"""From so much on a chunk is sent, and it grows by one event's bytes at most."""

CHUNK_EVENTS = 4096
ITEM_BYTES_MAX = 1 << 20
"""The most that is kept of what one event gave."""

_MESSAGE_BYTES_MAX = 2 * (CHUNK_BYTES + ITEM_BYTES_MAX) + 3 * 8 * CHUNK_EVENTS
_TEXT_MAX = 4096
_REQUEST_BYTES_MAX = 512 << 20
_LENGTH = struct.Struct(">I")
_VERDICTS = {each.__name__: each for each in (Faithful, Incomplete, Diverged, CannotReplay)}
_EVENT_MAX = (1 << 63) - 1


class BadMessage(Exception):
    """A message that the survey's process should not send."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to survey: ``engine`` as on a command line, ``guest`` and ``command_line`` where others
    than the recorded ones are to be replayed. ``follow``: go on while the trace becomes longer."""

    trace: str
    engine: str
    guest: bytes | None = None
    command_line: bytes | None = None
    follow: bool = False


@dataclass(frozen=True, slots=True)
class ConsoleSeen:
    """What some events printed."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class GivenSeen:
    """Frames and blocks of some events."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Reached:
    """All that the events before ``event`` gave has been sent."""

    event: int


Message = ConsoleSeen | GivenSeen | Reached | Faithful | Incomplete | Diverged | CannotReplay


def encode_request(request: Request) -> bytes:
    """With its length before it. A path is bytes as the system has them."""
    path = request.trace.encode("utf-8", "surrogateescape")
    data = msgpack.packb([path, *astuple(request)[1:]])
    return _LENGTH.pack(len(data)) + cast("bytes", data)


def read_request(read: Callable[[int], bytes]) -> Request:
    """The request that ``read`` brings, which returns up to so many bytes; raises EOFError."""
    (size,) = _LENGTH.unpack(_exactly(read, _LENGTH.size))
    if size > _REQUEST_BYTES_MAX:
        raise EOFError
    path, *rest = msgpack.unpackb(_exactly(read, size))
    return Request(path.decode("utf-8", "surrogateescape"), *rest)


def encode_message(message: Message) -> bytes:
    """A message as it is sent."""
    match message:
        case ConsoleSeen(chunk) | GivenSeen(chunk):
            numbers = (chunk.events, chunk.lengths, chunk.kept)
            fields = [array("Q", each).tobytes() for each in numbers]
            return _packed([type(message).__name__, *fields, chunk.data])
        case Reached(event):
            return _packed([Reached.__name__, event])
        case _:
            return _packed([type(message).__name__, *map(_cut, astuple(message))])


class MessageReader:
    """Takes the bytes that come apart into messages, and checks that they could be true."""

    def __init__(self) -> None:
        self._last = {ConsoleSeen: -1, GivenSeen: -1}
        self._reached = 0
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=2 * _MESSAGE_BYTES_MAX,
            max_bin_len=_MESSAGE_BYTES_MAX,
            max_str_len=4 * _TEXT_MAX,
            max_array_len=5,
            max_map_len=0,
            max_ext_len=0,
        )

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole now; raises BadMessage."""
        try:
            self._unpacker.feed(data)
            for value in self._unpacker:
                yield self._message(value)
        except (ValueError, TypeError, LookupError, RecursionError, msgpack.BufferFull) as error:
            raise BadMessage(f"{type(error).__name__}: {error}") from error

    def _message(self, value: Any) -> Message:
        match value:
            case ["ConsoleSeen", bytes(), bytes(), bytes(), bytes()]:
                return ConsoleSeen(self._chunk(ConsoleSeen, value))
            case ["GivenSeen", bytes(), bytes(), bytes(), bytes()]:
                return GivenSeen(self._chunk(GivenSeen, value))
            case ["Reached", int(event)] if self._reached <= event <= _EVENT_MAX:
                self._reached = event
                return Reached(event)
            case [str(name), *fields]:
                return _verdict(name, fields)
        raise BadMessage("not a message")

    def _chunk(self, kind: type[ConsoleSeen | GivenSeen], value: list[bytes]) -> Chunk:
        events, lengths, kept = (array("Q", each) for each in value[1:4])
        chunk = Chunk(events, lengths, kept, value[4])
        if not events or not len(events) == len(lengths) == len(kept):
            raise BadMessage("its parts are of different lengths")
        if events[0] <= self._last[kind] or any(a >= b for a, b in pairwise(events)):
            raise BadMessage("its events do not ascend")
        if sum(kept) != len(chunk.data) or any(a > b for a, b in zip(kept, lengths, strict=True)):
            raise BadMessage("its lengths are not those of its bytes")
        if events[-1] > _EVENT_MAX or max(lengths) > _EVENT_MAX:
            raise BadMessage("its numbers are too large")
        self._last[kind] = events[-1]
        return chunk


def _verdict(name: str, fields: Sequence[object]) -> Verdict:
    kind = _VERDICTS[name]
    verdict = kind(*fields)  # type: ignore[arg-type]  # looked at right here
    for annotation, each in zip(kind.__annotations__.values(), fields, strict=False):
        if type(each).__name__ != annotation or (type(each) is int and not 0 <= each <= _EVENT_MAX):
            raise BadMessage(f"a verdict with {each!r}")
    return verdict


def _cut(value: object) -> object:
    return value[:_TEXT_MAX] if isinstance(value, str) else value


def _packed(value: object) -> bytes:
    return cast("bytes", msgpack.packb(value, unicode_errors="replace"))


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = read(min(size - len(parts), sys.maxsize))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
