"""When a register was last written: by an instruction, or by the result of a call.

No engine can watch registers. So the way to here is gone again in pieces that grow backward, one
stretch of straight code after the other, and the last stretch that writes the register counts: what
the instructions of each write is decoded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from replay.engines.effects import Instruction, Part, instruction_at
from replay.engines.ram import PAGE_BYTES
from replay.engines.sites import LONGEST_INSTRUCTION
from replay.player.machine_view import MachineView
from replay.player.rewind import RewindableReplay
from replay.player.stops import View

_FIRST_WINDOW = 128
_WINDOW_GROWTH = 8
_WINDOW_MAX = 1 << 18
_STRETCH_MAX = 64
_REPEATED_TO_THE_END = ("movs", "stos", "lods")
_CROSSING = (
    *("out", "in", "syscall", "sysenter", "int", "hlt"),
    *("rdtsc", "rdtscp", "rdrand", "rdseed", "cpuid", "rdmsr"),
    *("insb", "insw", "insd", "outsb", "outsw", "outsd"),
)


def crosses(instruction: Instruction) -> bool:
    """Whether an instruction may be a call at the door."""
    return instruction.mnemonic in _CROSSING


def code_at(view: View, address: int, size: int) -> bytes:
    """Code that begins at an address, up to the end of its page or one instruction beyond; less at
    the end of memory."""
    code = view.read(address, min(size, PAGE_BYTES - address % PAGE_BYTES)) or b""
    if len(code) < min(size, LONGEST_INSTRUCTION):
        code += view.read(address + len(code), LONGEST_INSTRUCTION) or b""
    return code


def search_register_write(replay: RewindableReplay, part: Part, within: int | None = None) -> bool:
    """Go to before the last step that wrote some of a register, or to where it had come when
    interrupted; false, and where it began, if none of the last ``within`` (None: all) did."""
    here = end = replay.steps
    floor = 0 if within is None else max(0, here - within)
    walker = _Walker(replay, part)
    for size in _windows():
        start = max(floor, end - size)
        replay.seek_steps(start)
        found = walker.last_before(end)
        if replay.was_interrupted():
            return False
        if found is not None:
            replay.seek_steps(found)
            return not replay.was_interrupted()
        if start == floor:
            break
        end = start
        if replay.progress is not None:
            replay.progress(replay.position)
    replay.seek_steps(here)
    return False


def _windows() -> Iterator[int]:
    size = _FIRST_WINDOW
    while True:
        yield size
        size = min(size * _WINDOW_GROWTH, _WINDOW_MAX)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Instructions that are executed one behind the other: their number, and which of them write
    the register. A repeated one is alone, and so is one that may cross."""

    length: int
    writers: tuple[int, ...]
    repeated: str = ""

    def last_of(self, executed: int) -> int | None:
        """The last of the first few that writes."""
        return next((each for each in reversed(self.writers) if each < executed), None)


_UNKNOWN = _Stretch(1, ())


class _Walker:
    """Goes forward over stretches and remembers the last writer."""

    def __init__(self, replay: RewindableReplay, part: Part) -> None:
        self._replay = replay
        self._part = part
        self._view = MachineView(replay.machine)
        self._stretches: dict[int, _Stretch] = {}

    def last_before(self, end: int) -> int | None:
        """The step from here up to ``end``, where the replay stands then, that wrote last."""
        replay, engine = self._replay, self._replay.engine
        found = None
        while replay.steps < end and not replay.was_interrupted():
            at, rip = replay.steps, engine.instruction_pointer
            stretch = self._stretches.get(rip) or self._look_at(rip)
            if stretch.repeated:
                last = self._repeat(stretch, end)
            else:
                replay.forward(replay.end, min(stretch.length, end - at))
                last = stretch.last_of(replay.steps - at)
            if last is not None:
                found = at + last
            if replay.steps == at:
                break
        return found

    def _repeat(self, stretch: _Stretch, end: int) -> int | None:
        """Each iteration writes, and the test behind the last one does not."""
        replay = self._replay
        at, left = replay.steps, self._view.registers()["rcx"]
        length = left + 1 if stretch.repeated in _REPEATED_TO_THE_END else 1
        replay.forward(replay.end, min(length, end - at))
        done = min(replay.steps - at, left)
        return done - 1 if done and stretch.writers else None

    def _look_at(self, rip: int) -> _Stretch:
        stretch = self._stretches[rip] = self._decode(rip)
        return stretch

    def _decode(self, rip: int) -> _Stretch:
        code, writers = code_at(self._view, rip, 4 * _STRETCH_MAX), []
        offset = length = 0
        while length < _STRETCH_MAX:
            piece = code[offset : offset + LONGEST_INSTRUCTION]
            instruction = instruction_at(piece, rip + offset) if piece else None
            if instruction is None:
                break
            alone = instruction.is_repeated or crosses(instruction)
            if alone and length:
                break
            if instruction.changes(self._part):
                writers.append(length)
            length += 1
            offset += instruction.size
            if instruction.is_repeated and instruction.is_string:
                return _Stretch(1, tuple(writers), instruction.mnemonic[:-1])
            if alone or instruction.leaves:
                break
        return _Stretch(length, tuple(writers)) if length else _UNKNOWN
