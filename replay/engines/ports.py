"""The engine port: run guest instructions until an exit.

An engine knows CPU and memory and nothing of Solo5. The port is eight methods; every further
ability is a protocol of its own, asked for once with ``isinstance`` where a machine is assembled.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from monitors.ports import Exit, Protection, Registers
from replay.engines.ram import GuestRam

if TYPE_CHECKING:
    from replay.engines.reached import ReachedCode


class Engine(Protocol):
    """Executes one guest on one CPU."""

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """Put ``ram`` at guest physical address 0 with the host's write protections over it."""
        ...

    def read(self, gpa: int, size: int) -> bytes:
        """``size`` bytes of guest memory; the caller has checked the bounds."""
        ...

    def write(self, gpa: int, data: bytes) -> None:
        """Change guest memory, and forget code translated from it."""
        ...

    def registers(self) -> Registers:
        """Every architectural register by name."""
        ...

    def set_registers(self, values: Registers) -> None:
        """Change the registers named. The first call must be a complete state, of a boot or any
        other; a complete state later means that memory may have changed with it."""
        ...

    def run(self) -> Exit:
        """Run until an exit. At a crossing, RIP is already past the instruction that crossed."""
        ...

    def interrupt(self) -> None:
        """Make ``run`` return ``Interrupted`` soon; callable from any thread, at any time."""
        ...

    def close(self) -> None:
        """Release what the engine holds of the host."""
        ...


class Access(enum.Enum):
    """What a watchpoint looks for."""

    WRITE = "write"
    READ = "read"
    READ_WRITE = "read-write"


@dataclass(frozen=True, slots=True)
class Watchpoint:
    """``size`` bytes (1, 2, 4 or 8, naturally aligned) at guest virtual address ``address``."""

    address: int
    size: int
    access: Access


@dataclass(frozen=True, slots=True)
class Hit:
    """A breakpoint reached or watched memory accessed, noted in passing.

    It was one of the instructions number ``low`` to ``high`` - 1 of the last ``run_instructions``,
    counted from 0. ``watchpoint`` is ``None`` for a breakpoint, at ``address``.
    """

    low: int
    high: int
    address: int
    watchpoint: Watchpoint | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was noted in one ``run_instructions``: how often, and the first and last time."""

    count: int
    first: Hit
    last: Hit


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of one machine: all registers, and the pages (by number, 4096 bytes each) that are
    not all zero."""

    registers: Registers
    pages: Mapping[int, bytes]


@runtime_checkable
class CountsInstructions(Protocol):
    """Can stop after an exact number of instructions.

    A repeated string instruction counts one per iteration and one for its final test. An
    instruction that faults or crosses does not count, one that the engine carries out itself does.
    """

    def run_instructions(self, count: int) -> Exit:
        """Run at most ``count`` instructions; ``TargetReached`` when all were executed."""
        ...

    @property
    def instructions_retired(self) -> int:
        """How many instructions the last ``run_instructions`` executed."""
        ...


@runtime_checkable
class Steps(Protocol):
    """Can execute a single instruction."""

    def step(self) -> Exit:
        """Execute one instruction: ``TargetReached``, or the exit that it causes instead."""
        ...


@runtime_checkable
class Breaks(Protocol):
    """Can stop before instructions at given addresses."""

    def set_breakpoints(self, addresses: Collection[int]) -> None:
        """Replace all breakpoints. ``run`` returns ``Breakpoint`` before such an instruction
        executes, but not for the one at which it begins, unless that is where its last exit, a
        crossing, left the guest: there it stops at once. They are invisible to the guest."""
        ...


@runtime_checkable
class Watches(Protocol):
    """Can stop behind instructions that access given memory."""

    @property
    def watches_max(self) -> int:
        """How many ranges can be watched at once."""
        ...

    def set_watchpoints(self, watchpoints: Collection[Watchpoint]) -> None:
        """Replace all watchpoints; ``run`` returns ``Watched`` behind the accessing instruction."""
        ...


@runtime_checkable
class TracksDirtyPages(Protocol):
    """Knows which pages of guest memory were written."""

    def dirty_pages(self) -> Sequence[int]:
        """The numbers of pages (of 4096 bytes, ascending) written by the guest or through ``write``
        since the last call; the first call begins the tracking and gives every page that is not
        known to be untouched."""
        ...


@runtime_checkable
class Snapshots(Protocol):
    """Can keep the whole machine and go back to it."""

    def snapshot(self) -> Snapshot:
        """The state now: registers and memory."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to (or ahead to) a state of the same engine."""
        ...


@runtime_checkable
class NotesHits(Protocol):
    """Can note breakpoints and watchpoints in passing, at nearly the speed of running freely."""

    def note(self, breakpoints: Collection[int], watchpoints: Collection[Watchpoint]) -> None:
        """Replace all that is noted while ``run_instructions`` goes on; it stops for none of it.
        A watchpoint may be of any size from 1 up and at any address."""
        ...

    def hits(self) -> Hits | None:
        """What the last ``run_instructions`` noted; an instruction that crosses or faults and was
        not executed may be a breakpoint's hit."""
        ...


@runtime_checkable
class KeepsProcessor(Protocol):
    """Can go back to an earlier state of the processor in microseconds."""

    def save_processor(self) -> object:
        """All of the state but memory, for this engine alone."""
        ...

    def restore_processor(self, saved: object) -> None:
        """Take over a state saved before. Memory has been brought by ``write`` to what it was
        then."""
        ...


@runtime_checkable
class TellsPlace(Protocol):
    """Can tell where it stands without telling all registers, which takes much longer."""

    @property
    def instruction_pointer(self) -> int:
        """RIP, while nothing runs."""
        ...


@runtime_checkable
class TracksCode(Protocol):
    """Knows which code was reached while instructions were counted."""

    def code_reached(self) -> ReachedCode:
        """Where instructions were reached since the last call; the first call begins the tracking,
        and counts all code as reached."""
        ...


@runtime_checkable
class CountsCode(Protocol):
    """Can tell how often code was executed while instructions were counted."""

    def count_code(self, start: int, end: int) -> None:
        """Count code at virtual addresses ``[start, end)`` from now on, from nothing; 8 bytes of
        the host's memory for each that is executed, and those around."""
        ...

    def code_counts(self) -> Sequence[int]:
        """How often each byte of that code has been executed. An instruction that crossed or
        faulted counts, too; a repeated string instruction does for each of its iterations."""
        ...
