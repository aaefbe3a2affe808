"""What a guest gave in which event, as far as a trace says: a fast way through the whole trace.

Of the bytes themselves a trace has only digests; whoever replays it learns here what will come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from traces.errors import BadEvent
from traces.framing import EVENTS
from traces.reader import Trace
from traces.tags import BLOCK_WRITE, CONSOLE_WRITE, NET_WRITE

_LENGTH_AT = {CONSOLE_WRITE: 1, BLOCK_WRITE: 3, NET_WRITE: 2}


class GivenCall(NamedTuple):
    """An event in which the guest gave ``length`` bytes; ``tag`` is of ``traces.tags``."""

    event: int
    tag: int
    length: int


class GivenCalls:
    """A way through a trace, which may become longer while one goes it."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._next_bytes = trace.layout.begin_bytes

    def __iter__(self) -> Iterator[GivenCall]:
        """Those not yet given out, of what can be read now; once more after a refresh of the trace
        for what has come. Raises DamagedTrace."""
        for head in self._trace.blocks(self._next_bytes, self._trace.layout.end_bytes):
            self._next_bytes = head.end_bytes
            if head.tag == EVENTS:
                for event, array in enumerate(self._trace.arrays(head), head.first_event):
                    at = _LENGTH_AT.get(array[0])  # type: ignore[call-overload]
                    if at is not None:
                        yield GivenCall(event, array[0], _length(array, at))  # type: ignore[arg-type]


def _length(array: list[object], at: int) -> int:
    length = array[at] if at < len(array) else None
    if type(length) is not int or length < 0:
        raise BadEvent("the number of bytes is none")
    return length
