"""How often each byte of code was executed.

An execution of some bytes is noted at its two ends alone: one more from the first byte on, one
less from behind the last. So it costs a whole block as little as an instruction, and the sum of all
notes up to a byte is its number. The callbacks note what was executed to its end (``executed`` of
_hooks.c).
"""

from __future__ import annotations

import ctypes
import mmap
from array import array
from itertools import accumulate

from replay.engines.unicorn.callbacks import State

_NOTE_BYTES = 8


class Runs:
    """The notes of one guest; nothing is noted before ``begin``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._memory: mmap.mmap | None = None
        self._first: ctypes.c_int64 | None = None

    @property
    def is_on(self) -> bool:
        """Whether something is noted."""
        return self._memory is not None

    def begin(self, start: int, end: int) -> None:
        """Note code at addresses ``[start, end)``, from nothing."""
        size = end - start
        # A mapping takes memory only where it is used.
        self._memory = mmap.mmap(-1, (size + 1) * _NOTE_BYTES)
        self._first = ctypes.c_int64.from_buffer(self._memory)
        self._state.runs = ctypes.addressof(self._first)
        self._state.runs_start, self._state.runs_bytes = start, size

    def add(self, pc: int, size: int) -> None:
        """Code has been executed once."""
        at, room = pc - self._state.runs_start, self._state.runs_bytes
        if self._memory is None or not 0 <= at < room:
            return
        notes = memoryview(self._memory).cast("q")
        notes[at] += 1
        notes[min(at + size, room)] -= 1

    def counts(self) -> array[int]:
        """How often each byte has been executed."""
        if self._memory is None:
            return array("Q")
        notes = memoryview(self._memory).cast("q")
        return array("Q", accumulate(notes[: self._state.runs_bytes]))
