"""How often a recorded guest executed which instruction, from a replay of the whole run."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from replay.engines.errors import EngineUnavailable
from replay.engines.ports import CountsCode
from replay.engines.registry import COUNTING_ENGINE
from replay.engines.sites import decode
from replay.player.errors import PlayerError
from replay.player.rewind import RewindableReplay
from replay.player.session import Changes
from traces.reader import Trace

CODE_BYTES_MAX = 64 << 20
"""Of a guest's code; its counts take up to eight times as much while it runs, and then again."""

_CHECKPOINT_MEMORY = 16 << 20
_EXECUTABLE = 1  # elf.h: PF_X
_ENDS_BLOCK = ("j", "call", "ret", "loop", "hlt", "syscall", "iret", "ud2", "int")


class NoCode(PlayerError):
    """The guest's file does not say where its code lies, or says impossible things."""


@dataclass(frozen=True, slots=True)
class Block:
    """Code that was executed from its first instruction to its last, ``count`` times."""

    start: int
    size: int
    count: int


@dataclass(frozen=True, slots=True)
class Executed:
    """``counts`` has a number for each byte of code from address ``start`` on."""

    start: int
    counts: Sequence[int]
    guest: bytes

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + len(self.counts)

    def count(self, address: int) -> int:
        """How often the instruction at ``address`` was executed."""
        return self.counts[address - self.start] if self.start <= address < self.end else 0

    def stretches(self) -> Iterator[Block]:
        """What was executed, in pieces that were so equally often throughout."""
        counts, start = self.counts, 0
        while start < len(counts):
            count, end = counts[start], start + 1
            while end < len(counts) and counts[end] == count:
                end += 1
            if count:
                yield Block(self.start + start, end - start, count)
            start = end

    def blocks(self, code: Callable[[int, int], bytes]) -> Iterator[Block]:
        """The same in basic blocks, by the instructions that ``code`` gives for an address range:
        jumps and calls end them."""
        for piece in self.stretches():
            start = piece.start
            for address, length, name, _ in decode(code(start, start + piece.size), start):
                end = address + length
                if name.startswith(_ENDS_BLOCK):
                    yield Block(start, end - start, piece.count)
                    start = end
            if start < piece.start + piece.size:
                yield Block(start, piece.start + piece.size - start, piece.count)


class ExecutionCounter:
    """Replays a trace to its end and counts; interrupt it from any thread."""

    def __init__(self, trace: Trace, changes: Changes | None = None) -> None:
        """Boots the guest. Raises NoCode, EngineUnavailable, GuestNeeded, GuestRefused or
        DamagedTrace."""
        self._replay = RewindableReplay(
            trace, checkpoint_memory=_CHECKPOINT_MEMORY, changes=changes
        )
        try:
            guest = self._replay.machine.plan.guest
            self._start, end = code_range(guest)
            engine = self._replay.engine
            if not isinstance(engine, CountsCode):
                raise EngineUnavailable(COUNTING_ENGINE, "it has not the ability CountsCode")
            self._engine = engine
            engine.count_code(self._start, end)
        except BaseException:
            self._replay.close()
            raise

    def run(self, told: Callable[[int], object] = abs) -> Executed | None:
        """All that was executed; None where somebody interrupts it. ``told`` is now and then given
        the number of events that are done. Raises ``Divergence``, ``StateDivergence`` and
        ``DamagedTrace``; what was executed behind the last event of a recording is not seen."""
        replay = self._replay
        replay.begin()
        while replay.position < replay.end:
            replay.forward(replay.end)
            if replay.was_interrupted():
                return None
            told(replay.position.event)
        return Executed(self._start, self._engine.code_counts(), replay.machine.plan.guest)

    @property
    def position(self) -> str:
        """How far it has come."""
        return str(self._replay.position)

    def interrupt(self) -> None:
        """Make ``run`` return soon."""
        self._replay.interrupt()

    def close(self) -> None:
        """Give the machine back."""
        self._replay.close()


def code_range(guest: bytes) -> tuple[int, int]:
    """The virtual addresses from a guest's first to its last byte of code; raises NoCode."""
    from elftools.elf.elffile import ELFFile

    try:
        parts = [
            (segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
            for segment in ELFFile(io.BytesIO(guest)).iter_segments("PT_LOAD")
            if segment["p_flags"] & _EXECUTABLE and segment["p_memsz"]
        ]
    except Exception as error:  # what a general parser raises on a hostile file
        raise NoCode(f"the guest's file cannot be read ({error})") from error
    if not parts:
        raise NoCode("the guest's file has no code")
    start, end = min(part[0] for part in parts), max(part[1] for part in parts)
    if not 0 < end - start <= CODE_BYTES_MAX:
        raise NoCode(f"{end - start} bytes of code are more than {CODE_BYTES_MAX}")
    return start, end
