"""The events of a block in the making: encoded one by one, taken as a whole.

``new_event_buffer`` gives the compiled one (``_events.c``) where there is one, else its twin in
Python. Both give the same bytes, and every method of both is one step for other threads.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Mapping
from typing import Protocol

from monitors.calls import RESULT_OF, Call
from traces import tags
from traces.codec import EventEncoder, can_answer
from traces.events import KnownData, RecordedResult
from traces.limits import BLOCK_BYTES
from traces.tags import SPEC_OF

PURE_PYTHON_VARIABLE = "SOLO5_REPLAY_PURE_PYTHON"
"""Set to anything, it keeps the compiled twin out."""


class Stored(enum.IntEnum):
    """What became of an event; the numbers are those of ``enum stored`` in ``_events.c``."""

    STORED = 0
    FIRST = 1
    """Stored as the first of a block."""
    FULL = 2
    """Not stored: this block has no room for it."""
    UNUSUAL = 3
    """Not stored: it must be encoded elsewhere, or cannot be; or the buffer is closed."""


_STORED, _FIRST, _FULL = int(Stored.STORED), int(Stored.FIRST), int(Stored.FULL)
_READING_BYTES_MAX = 16
_NEARLY_FULL_BYTES = BLOCK_BYTES - _READING_BYTES_MAX


class EventBuffer(Protocol):
    """At most ``BLOCK_BYTES`` of events, or a single larger one."""

    @property
    def pending(self) -> int:
        """Events not yet taken."""
        ...

    @property
    def event_count(self) -> int:
        """Events ever stored here, and skipped."""
        ...

    def append(self, call: Call, result: RecordedResult, /) -> int:
        """Store a crossing; the outcome as ``Stored`` says."""
        ...

    def put(self, data: bytes, /) -> int:
        """Store an encoded event in which nothing is a difference; a large one in a block alone."""
        ...

    def take(self) -> tuple[bytes, int, int]:
        """What is pending, the number of events before and in it; a new block begins."""
        ...

    def skip(self, count: int, /) -> None:
        """Count further events, which are elsewhere; nothing may be pending."""
        ...

    def close(self) -> None:
        """Store nothing more."""
        ...


class PythonBuffer:
    """``EventBuffer`` without a compiler."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._encoder = EventEncoder()
        self._encoders = self._encoder.encoders
        self._bytes = bytearray()
        self._taken = 0
        self.pending = 0
        self._closed = False
        self._roomy_bytes_max = _NEARLY_FULL_BYTES

    @property
    def event_count(self) -> int:
        """See ``EventBuffer``."""
        return self._taken + self.pending

    def append(self, call: Call, result: RecordedResult) -> int:
        """See ``EventBuffer``."""
        with self._lock:
            kind, held = type(call), self._bytes
            if RESULT_OF.get(kind) is not type(result) or len(held) > self._roomy_bytes_max:
                return self._append_unusual(call, result)
            data = self._encoders[kind](call, result)
            if len(held) + len(data) > BLOCK_BYTES:
                return _FULL
            held += data
            self.pending = pending = self.pending + 1
            return _FIRST if pending == 1 else _STORED

    def put(self, data: bytes) -> int:
        """See ``EventBuffer``."""
        with self._lock:
            return Stored.UNUSUAL if self._closed else self._store(data, large=True)

    def take(self) -> tuple[bytes, int, int]:
        """See ``EventBuffer``."""
        with self._lock:
            taken = bytes(self._bytes), self._taken, self.pending
            self._bytes.clear()
            self._taken += self.pending
            self.pending = 0
            self._encoder.reset()
        return taken

    def skip(self, count: int) -> None:
        """See ``EventBuffer``."""
        with self._lock:
            assert not self.pending, self.pending
            self._taken += count

    def close(self) -> None:
        """See ``EventBuffer``."""
        with self._lock:
            self._closed = True
            self._roomy_bytes_max = -1

    def _append_unusual(self, call: Call, result: RecordedResult) -> int:
        """Store a crossing of which ``append`` does not see at once that it may be, or in a block
        that may have no room even for a reading."""
        if self._closed or not can_answer(call, result):
            return Stored.UNUSUAL
        state = self._encoder.state()
        outcome = self._store(self._encoder.encode(call, result), large=False)
        if outcome == _FULL:
            self._encoder.restore(state)
        return outcome

    def _store(self, data: bytes, *, large: bool) -> int:
        if len(self._bytes) + len(data) > BLOCK_BYTES and (self.pending or not large):
            return _FULL
        self._bytes += data
        self.pending += 1
        return _FIRST if self.pending == 1 else _STORED


_COMPILED: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]] = {
    tags.WALL_CLOCK: ((), ("ns",)),
    tags.MONOTONIC_CLOCK: ((), ("ns",)),
    tags.CONSOLE_WRITE: (("data",), ()),
    tags.POLL: (("timeout_ns",), ("ready_set",)),
    tags.BLOCK_READ: (("handle", "offset", "length"), ("status", "data")),
    tags.BLOCK_WRITE: (("handle", "offset", "data"), ("status",)),
    tags.NET_READ: (("handle", "length"), ("status", "data")),
    tags.NET_WRITE: (("handle", "data"), ("status",)),
    tags.READ_TSC: ((), ("cycles",)),
    tags.READ_TSCP: ((), ("cycles", "aux")),
    tags.RANDOM_WORD: (("seed", "bits"), ("value",)),
    tags.CPUID: (("leaf", "subleaf"), ("eax", "ebx", "ecx", "edx")),
    tags.SET_TIMER: (("at_ns",), ()),
    tags.WAIT_READY: (("timeout_ms",), ("ready_set", "timer_fired")),
}
"""The attributes of calls and results that ``_events.c`` reads, in its order."""


def new_event_buffer() -> EventBuffer:
    """An empty buffer, compiled where that is possible and wanted."""
    if os.environ.get(PURE_PYTHON_VARIABLE):
        return PythonBuffer()
    try:
        from traces._events import CompiledBuffer
    except ImportError:
        return PythonBuffer()
    rows = []
    for call_type, spec in SPEC_OF.items():
        if spec.tag in _COMPILED:
            inputs, outputs = _COMPILED[spec.tag]
            call, result = _slots(call_type, inputs), _slots(RESULT_OF[call_type], outputs)
            rows.append((spec.tag, call, result))
    return CompiledBuffer(tuple(rows), KnownData)


def _slots(kind: type, names: tuple[str, ...]) -> tuple[object, ...]:
    """A class and the descriptors that know where in its instances the attributes are."""
    return kind, *(vars(kind)[name] for name in names)
