"""Time travel over a recorded run: go anywhere, in both directions, and stop at what is wanted.

Going forward, breakpoints stop the engine itself. Watched memory is noted in passing, in pieces
from checkpoint to checkpoint; where a piece has a hit, the guest is put at exactly that place.
Going backward, the pieces are replayed from the last one to the first, and the last hit counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitors.ports import Registers
from replay.engines.effects import Part
from replay.engines.ports import Access, Watchpoint
from replay.machine.ending import Ending, Halted, Misused
from replay.machine.machine import Machine
from replay.machine.position import Position
from replay.player.answers import Answer, observe_answer
from replay.player.checkpoint import CADENCE
from replay.player.diversion import Diversion
from replay.player.errors import BadPosition
from replay.player.kept import KeptFile
from replay.player.lookout import Found
from replay.player.machine_view import MachineView
from replay.player.register_writes import search_register_write
from replay.player.rewind import Progress, RewindableReplay
from replay.player.search import search_backward, search_first_time, search_forward
from replay.player.session import Changes
from replay.player.source import ConsoleSink
from replay.player.stops import Condition, Direction, Stop, View, Wanted, Watch, Why
from traces.reader import Trace

CHECKPOINT_MEMORY = 512 << 20
"""Bytes of the host's memory for checkpoints, unless somebody asks for more or less."""


class Timeline:
    """A recorded guest that can be put at any of its positions; see ``replay.player.stops.View``.

    Every journey raises ``Divergence``, ``StateDivergence`` or ``DamagedTrace`` where the recording
    cannot be followed; the way back stays open then.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        checkpoint_memory: int = CHECKPOINT_MEMORY,
        changes: Changes | None = None,
        console: ConsoleSink = len,
        progress: Progress | None = None,
        kept: Path | None = None,
    ) -> None:
        """Boots the guest, which then stands at the start. ``console`` is told what it prints, once
        and when that is replayed for the first time. ``kept`` is a file for checkpoints that
        outlive the session: what is in it is used, and at the end it is written.

        Raises ``GuestNeeded``, ``GuestRefused``, ``EngineUnavailable`` or ``DamagedTrace``.
        """
        self.trace = trace
        self._replay = RewindableReplay(
            trace, checkpoint_memory=checkpoint_memory, changes=changes, console=console
        )
        self._replay.progress = progress
        self._view = MachineView(self._replay.machine)
        self._ending: Halted | Misused | None = None
        self._kept = None if kept is None else KeptFile(kept)
        if self._kept is not None:
            self._kept.read_into(self._replay)

    @property
    def position(self) -> Position:
        """Where the guest stands."""
        return self._replay.position

    @property
    def start(self) -> Position:
        """The first position."""
        return Position(0)

    @property
    def end(self) -> Position:
        """The last position: all events of the recording are done."""
        return self._replay.end

    def extend(self) -> bool:
        """Look whether a trace that is still being written has become longer, or was finished:
        ``end`` is the new one then, and the guest stands where it stood. Raises WrongVersion."""
        return self._replay.extend()

    @property
    def steps(self) -> int:
        """Instructions and events from the start to here."""
        return self._replay.steps

    @property
    def cost(self) -> int:
        """How far it is from the start, about in instructions: crossings count as many."""
        return self._replay.cost

    @property
    def digests_verified(self) -> int:
        """How many recorded digests have agreed so far."""
        return self._replay.digests_verified

    def registers(self) -> Registers:
        """Every architectural register by name."""
        return self._view.registers()

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address, or ``None`` where the guest has none."""
        return self._view.read(address, size)

    def still(self) -> View:
        """What can be seen here, for as long as the guest stands here: reading is far quicker."""
        return self._view.still()

    def word(self, address: int) -> int | None:
        """The 8-byte word at a virtual address, or ``None`` where the guest has none."""
        data = self.read(address, 8)
        return None if data is None else int.from_bytes(data, "little")

    def physical(self, address: int) -> int | None:
        """The physical address of a byte; ``None`` where the guest has none."""
        return next(self._view.places(self.registers(), address, 1))[0]

    @property
    def guest(self) -> bytes:
        """The ELF file that is replayed."""
        return self.machine.plan.guest

    @property
    def machine(self) -> Machine:
        """The guest's machine, to be looked at and not to be changed."""
        return self._replay.machine

    def console(self) -> bytes:
        """What the guest had printed by now."""
        return self._replay.console.before(self.position.event)

    def checkpoints(self) -> Sequence[Position]:
        """Where states are kept, ascending."""
        return self._replay.checkpoints.positions

    @property
    def checkpoint_bytes(self) -> int:
        """The memory that they take."""
        return self._replay.checkpoints.size

    def seek(self, position: Position) -> Stop:
        """Go to a position; raises ``BadPosition``, and stays, for one that the recording does not
        have."""
        self._begin()
        here = self.position
        try:
            self._replay.seek(position)
        except BadPosition:
            self._replay.seek(here)
            raise
        return self._arrived(Why.REACHED)

    def step(self, count: int) -> Stop:
        """Go ``count`` instructions on, or back where it is negative; an event counts as one."""
        self._begin()
        return self._step_on(count) if count >= 0 else self._step_back(-count)

    def run(self, direction: Direction, wanted: Wanted) -> Stop:
        """Go on or back to the nearest place of those ``wanted``, or to the recording's end or
        start."""
        self._begin()
        if direction is Direction.FORWARD:
            return self._run_on(wanted)
        return self._run_back(wanted)

    def last_write(self, address: int, size: int) -> Stop | None:
        """Go to where memory was last written before here, with the write not yet made; ``None``,
        and stay, when it was written by nobody since the start."""
        here = self.position
        watch = Watch(Watchpoint(address, size, Access.WRITE))
        stop = self.run(Direction.BACKWARD, Wanted(watches=(watch,)))
        if stop.why is Why.START:
            self.seek(here)
            return None
        return stop

    def last_register_write(self, part: Part, *, within: int | None = None) -> Stop | None:
        """Go to where some of a register was last written before here, with the write not yet made;
        ``None``, and stay, when nobody did in the last ``within`` steps, or since the start."""
        self._begin()
        found = search_register_write(self._replay, part, within)
        if self._replay.was_interrupted():
            return Stop(self.position, Why.INTERRUPTED)
        return Stop(self.position, Why.REACHED) if found else None

    def first_time(self, condition: Condition) -> Stop:
        """Go to the first place where ``condition`` holds, for one that stays true once it is (a
        counter that has passed a value); ``Why.END`` where it never does."""
        self._begin()
        if search_first_time(self._replay, condition):
            return self._arrived(Why.REACHED)
        return self._arrived(Why.END)

    def answer_ahead(self) -> Answer | None:
        """Make one step, and tell what came of it where that was an event."""
        self._begin()
        return observe_answer(self._replay)

    def divert(self, console: ConsoleSink = len) -> Diversion:
        """A throw-away clone that stands here; ``console`` takes what it prints."""
        return Diversion(self._replay, console)

    def interrupt(self) -> None:
        """Make the journey under way end soon, as ``Why.INTERRUPTED``; from any thread."""
        self._replay.interrupt()

    def close(self) -> None:
        """Give the machine and all checkpoints back."""
        try:
            if self._kept is not None:
                self._kept.write_from(self._replay)
                self._kept.close()
        finally:
            self._replay.close()

    # ---- journeys

    def _begin(self) -> None:
        self._replay.begin()

    def _arrived(self, why: Why, found: Found | None = None) -> Stop:
        if self._replay.was_interrupted():
            return Stop(self.position, Why.INTERRUPTED)
        return Stop(self.position, why, found.hit if found else None)

    def _at_end(self) -> Stop:
        replay = self._replay
        if self._ending is None and self.end.event:  # perhaps it came here from a checkpoint
            replay.seek_steps(replay.steps - 1)
            while self.position < self.end and not replay.was_interrupted():
                self._note_ending(replay.forward(self.end))
        if self.position < self.end:
            return Stop(self.position, Why.INTERRUPTED)
        return Stop(self.position, Why.END, ending=self._ending)

    def _note_ending(self, ending: Ending | None) -> None:
        if isinstance(ending, Halted | Misused):
            self._ending = ending

    def _step_on(self, count: int) -> Stop:
        replay = self._replay
        wanted = replay.steps + count
        if count > CADENCE:
            replay.seek_steps(wanted)
        while replay.steps < wanted and not replay.was_interrupted():
            if self.position >= self.end:
                return self._at_end()
            self._note_ending(replay.forward(self.end, wanted - replay.steps))
        return self._arrived(Why.REACHED)

    def _step_back(self, count: int) -> Stop:
        replay = self._replay
        wanted = replay.steps - count
        replay.seek_steps(max(0, wanted))
        if not replay.was_interrupted():
            return self._arrived(Why.START if wanted < 0 else Why.REACHED)
        while replay.steps < wanted:  # or it would end far away, at a state that was kept
            replay.begin()
            replay.seek_steps(wanted)
        return Stop(self.position, Why.INTERRUPTED)

    def _run_on(self, wanted: Wanted) -> Stop:
        limit = self.end if wanted.until is None else min(wanted.until, self.end)
        found = search_forward(self._replay, wanted, limit, self._note_ending)
        if found is not None:
            return self._arrived(found.why, found)
        if self.position >= self.end and not self._replay.was_interrupted():
            return self._at_end()
        return self._arrived(Why.REACHED)

    def _run_back(self, wanted: Wanted) -> Stop:
        floor = self.start if wanted.until is None else wanted.until
        found = search_backward(self._replay, wanted, floor)
        if found is not None:
            return self._arrived(found.why, found)
        return self._arrived(Why.START if floor == self.start else Why.REACHED)
