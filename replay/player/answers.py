"""What the result of a call has put into a guest: which bytes of it lie where.

The layouts are those of the targets' ABIs (``monitors``), told apart by the result and by which of
its pieces, in the order of writing, holds a byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitors.calls import Call, Result
from monitors.calls.block import BlockData
from monitors.calls.clock import ClockReading
from monitors.calls.net import NetFrame
from monitors.calls.poll import PollResult, ReadySet
from monitors.calls.traps import CpuidReading, RandomReading, TscReading
from replay.player.rewind import RewindableReplay

_OK = 0
_WORD = 8
_STATUS = "status"
_HALVES = {"rax": "cycles, low half", "rdx": "cycles, high half", "rcx": "aux"}
_CPUID = {"rax": "eax", "rbx": "ebx", "rcx": "ecx", "rdx": "edx"}
_SYSTEM_CALL = {"rax": "result", "rcx": "return address", "r11": "flags"}


@dataclass(frozen=True, slots=True)
class Field:
    """Bytes from ``offset`` on of a part of a result: its data, where ``name`` is empty, or what
    ``name`` says. ``total`` is the part's size, and ``data`` what is in it from ``offset`` on."""

    name: str
    offset: int
    total: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An event, and what it wrote: physical addresses and bytes, in order."""

    index: int
    call: Call
    result: Result
    written: tuple[tuple[int, bytes], ...]

    def field_at(self, gpa: int) -> Field | None:
        """What the byte at a physical address is; None for one that was not written."""
        places = [
            (number, gpa - start, len(data))
            for number, (start, data) in enumerate(self.written)
            if start <= gpa < start + len(data)
        ]
        if not places:
            return None
        number, offset, size = places[-1]
        field = self._field(number, offset, size)
        data = self.written[number][1][offset : offset + field.total - field.offset]
        return replace(field, data=data)

    def field_in(self, register: str) -> Field:
        """What the result has put into a register."""
        match self.result:
            case TscReading():
                return Field(_HALVES.get(register, register), 0, _WORD)
            case RandomReading():
                return Field("value", 0, _WORD)
            case CpuidReading():
                return Field(_CPUID.get(register, register), 0, _WORD)
            case _:
                return Field(_SYSTEM_CALL.get(register, register), 0, _WORD)

    def _field(self, number: int, offset: int, size: int) -> Field:
        match self.result:
            case NetFrame(status, _) | BlockData(status, _):
                if status == _OK and number == 0:
                    return Field("", offset, size)
                return _part(offset, size, "size" if size > _WORD else _STATUS)
            case ClockReading():
                return _part(offset, size, "ns" if size == _WORD else "seconds", "nanoseconds")
            case PollResult():
                return _part(offset, size, "ready set", "count")
            case ReadySet():
                return Field("events", offset, size)
            case _:
                return Field(_STATUS, offset, size)


def _part(offset: int, size: int, first: str, rest: str = _STATUS) -> Field:
    """A word, and what may come behind it."""
    if offset < _WORD:
        return Field(first, offset, min(size, _WORD))
    return Field(rest, offset - _WORD, size - _WORD)


def observe_answer(replay: RewindableReplay) -> Answer | None:
    """Make one step, and tell of the event that it was; None for an instruction."""
    written: list[tuple[int, bytes]] = []
    seen: list[Answer] = []

    def wrote(start: int, end: int) -> None:
        written.append((start, replay.engine.read(start, end - start)))

    def crossed(index: int, call: Call, result: Result) -> None:
        seen.append(Answer(index, call, result, tuple(written)))

    replay.watch_host_writes(wrote)
    replay.on_event = crossed
    try:
        replay.forward(replay.end, 1)
    finally:
        replay.watch_host_writes(None)
        replay.on_event = None
    return seen[0] if seen else None
