"""What a guest gave in which event, as far as a trace says, and which events moved a frame: a fast
way through the whole trace.

Of bytes that were given a trace has only digests; whoever replays it learns here what will come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from traces.errors import BadEvent
from traces.framing import EVENTS
from traces.reader import Trace
from traces.tags import BLOCK_WRITE, CONSOLE_WRITE, NET_READ, NET_WRITE

_OK = 0
_LENGTH_AT = {CONSOLE_WRITE: 1, BLOCK_WRITE: 3, NET_WRITE: 2}


class GivenCall(NamedTuple):
    """An event in which the guest gave ``length`` bytes; ``tag`` is of ``traces.tags``."""

    event: int
    tag: int
    length: int


class _Way:
    """A way through a trace, which may become longer while one goes it."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._next_bytes = trace.layout.begin_bytes

    def _blocks(self) -> Iterator[tuple[int, Iterator[list[object]]]]:
        """The first event of each block that is left by now, and the block's events."""
        for head in self._trace.blocks(self._next_bytes, self._trace.layout.end_bytes):
            self._next_bytes = head.end_bytes
            if head.tag == EVENTS:
                yield head.first_event, _with_tags(self._trace.arrays(head))


class GivenCalls(_Way):
    """All calls with bytes of the guest's."""

    def __iter__(self) -> Iterator[GivenCall]:
        """Those not yet given out, of what can be read now; once more after a refresh of the trace
        for what has come. Raises DamagedTrace."""
        for first, arrays in self._blocks():
            for event, array in enumerate(arrays, first):
                at = _LENGTH_AT.get(array[0])  # type: ignore[call-overload]
                if at is not None:
                    yield GivenCall(event, array[0], _length(array, at))  # type: ignore[arg-type]


class FrameEvents(_Way):
    """All events in which a frame was received, or was to be sent; reads that found none are not
    among them."""

    def __iter__(self) -> Iterator[list[int]]:
        """Their numbers, block by block; else as ``GivenCalls``."""
        for first, arrays in self._blocks():
            yield [event for event, array in enumerate(arrays, first) if _has_frame(array)]


def _with_tags(arrays: Iterator[list[object]]) -> Iterator[list[object]]:
    for array in arrays:
        if not array or type(array[0]) is not int:
            raise BadEvent("has no tag")
        yield array


def _length(array: list[object], at: int) -> int:
    length = array[at] if at < len(array) else None
    if type(length) is not int or length < 0:
        raise BadEvent("the number of bytes is none")
    return length


def _has_frame(array: list[object]) -> bool:
    """Of ``[tag, handle, length, status, data]``, or of any sending."""
    return array[0] == NET_WRITE or (array[0] == NET_READ and array[3:4] == [_OK])
