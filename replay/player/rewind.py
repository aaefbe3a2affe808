"""A replay that can be put at any position of its recording, by checkpoints.

It goes forward on the counting engine and leaves checkpoints behind. To get anywhere else it takes
the last checkpoint before that place and replays the rest. Nothing is searched for here: that is
the timeline's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from monitors.calls import Call, Result
from monitors.errors import BadAnswer
from replay.engines.ports import Engine
from replay.engines.ram import PAGE_BYTES
from replay.machine.ending import Ending, Reached, Stopped
from replay.machine.interpose import Interposer
from replay.machine.machine import boot_machine
from replay.machine.position import Position
from replay.player.block_journal import BlockJournal
from replay.player.checkpoint import (
    CADENCE,
    Checkpoint,
    CheckpointStore,
    PageSet,
)
from replay.player.console_log import ConsoleLog
from replay.player.errors import BadPosition, StateDivergence
from replay.player.machine_view import MachineView
from replay.player.session import Changes, recorded_plan
from replay.player.source import ConsoleSink, Replaying
from replay.player.travelling_engine import TravellingEngine, travelling_engine
from replay.player.verifier import NoStates, StateVerifier
from traces.errors import BadEvent
from traces.reader import Trace

CROSSING_COST = 500
"""A crossing takes about as long as so many instructions."""

_ZERO_PAGE = bytes(PAGE_BYTES)
_ADDED_BETWEEN_THINNINGS = 16
_INTERVAL_S = 0.016
_MEASURABLE = 100_000
_TRIES = 8

Progress = Callable[[Position], object]
"""Told now and then how far a long journey has come."""


def cost_of(steps: int, events: int) -> int:
    """What as many steps take, of which so many are crossings."""
    return steps + events * (CROSSING_COST - 1)


class _Pace:
    """How far checkpoints stand apart: ``CADENCE``, and closer where the guest's instructions take
    long to emulate, so that the way from one to any place behind it does not."""

    def __init__(self) -> None:
        self.cadence = CADENCE

    @contextmanager
    def measuring(self, replay: RewindableReplay) -> Iterator[None]:
        """Around a piece of the journey."""
        cost, started = replay.cost, time.thread_time()
        yield
        cost, spent = replay.cost - cost, time.thread_time() - started
        if cost >= _MEASURABLE and spent > 0:
            wanted = int(cost / spent * _INTERVAL_S)
            self.cadence = max(CADENCE // 8, min(CADENCE, wanted))


class _TappedMemory:
    """Guest memory as a monitor writes results into it, told to ``on_write``."""

    def __init__(self, engine: Engine) -> None:
        self.read = engine.read
        self._write = engine.write
        self.on_write: Callable[[int, int], object] | None = None

    def write(self, gpa: int, data: bytes) -> None:
        self._write(gpa, data)
        if self.on_write is not None:
            self.on_write(gpa, gpa + len(data))


class RewindableReplay:
    """One guest re-executed from a trace, forward or from an earlier place again.

    ``on_event`` is told of every crossing and ``on_stretch`` of every piece of execution between
    two of them, while somebody looks for something; ``on_host_write`` of the physical range
    ``[start, end)`` that a result was written to.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        checkpoint_memory: int,
        changes: Changes | None = None,
        console: ConsoleSink = len,
    ) -> None:
        self.trace = trace
        self.console = ConsoleLog()
        self.on_event: Callable[[int, Call, Result], object] | None = None
        self.on_stretch: Callable[[Position, int], None] | None = None
        self.progress: Progress | None = None
        self._interrupted = False
        self._print_new = console
        self._engine = travelling_engine()
        self.machine = boot_machine(recorded_plan(trace, changes or Changes()), self._engine)
        with ExitStack() as undone:
            undone.callback(self.machine.close)
            self._blocks = BlockJournal()
            undone.callback(self._blocks.close)
            self._begin(trace, checkpoint_memory, verifies=not (changes and changes.calls_only))
            undone.pop_all()

    def _begin(self, trace: Trace, checkpoint_memory: int, *, verifies: bool) -> None:
        self._view = MachineView(self.machine)
        self._tap = _TappedMemory(self._engine)
        plan = self.machine.plan
        self.machine.memory = self.machine.monitor.memory(self._tap, plan.mem_size)
        self._source = Replaying(trace, self._print, self._blocks)
        self._verifier = StateVerifier(self.machine, trace) if verifies else NoStates()
        self._door = Interposer(self.machine, self._source, (self._verifier, self))
        self._told = 0
        self._last_stretch = 0
        self._lost = False
        self._pace = _Pace()
        self._dirty: set[int] = set()
        self._added = 0
        self._base = self._first_checkpoint()
        self._store = CheckpointStore(self._base, checkpoint_memory)

    @property
    def engine(self) -> TravellingEngine:
        """The engine at work."""
        return self._engine

    @property
    def position(self) -> Position:
        """Where the guest stands."""
        return Position(self._door.events, self._door.instructions)

    @property
    def end(self) -> Position:
        """Behind the last event."""
        return Position(self.trace.event_count)

    @property
    def steps(self) -> int:
        """Instructions and crossings from the start to here."""
        return self._door.steps

    @property
    def cost(self) -> int:
        """What it takes to replay from the start to here, about in instructions."""
        return cost_of(self.steps, self._door.events)

    @property
    def blocks(self) -> BlockJournal:
        """What the recording has shown of block devices by now."""
        return self._blocks

    @property
    def checkpoints(self) -> CheckpointStore:
        """All states at hand."""
        return self._store

    @property
    def digests_verified(self) -> int:
        """How many recorded digests agreed."""
        return self._verifier.verified

    def extend(self) -> bool:
        """Look whether a trace that is still being written has become longer, or was finished: the
        end is there then, and all positions stay what they are. Raises WrongVersion."""
        if not self.trace.refresh():
            return False
        self._source.extend()
        self._verifier.extend()
        return True

    def watch_host_writes(self, told: Callable[[int, int], object] | None) -> None:
        """Tell ``told`` of the physical range of every write by a call's result."""
        self._tap.on_write = told

    def pause(self) -> None:
        """Make ``forward`` return behind the crossing that ``on_event`` is just told of."""
        self._door.pause()

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        self._last_stretch = self._door.instructions
        if self.on_event is not None:
            self.on_event(index, call, result)

    def forward(self, limit: Position, steps: int | None = None) -> Ending | None:
        """Go on for a while, not beyond ``limit`` and not for more than ``steps`` instructions and
        crossings: ``None`` when it can go on, else why not. A checkpoint is made where one is due.

        Raises ``Divergence``, ``StateDivergence``, ``DamagedTrace``, and BadPosition where the next
        event comes before ``limit``.
        """
        cadence = self._pace.cadence
        room = self._base.cost + cadence - self.cost
        if room <= 0:  # a checkpoint has to wait
            room = cadence // _TRIES + 1
        if steps is not None:
            room = min(room, steps)
        until = limit.event
        if self._door.events >= limit.event:
            room = min(room, limit.instructions - self._door.instructions)
            until = limit.event + 1
        with self._pace.measuring(self):
            ending = self._advance(room, until)
        if self._door.events > limit.event:
            raise self._no_such_position(limit)
        if self.cost - self._base.cost >= cadence and not self._view.stands_at_repeated():
            # Who looks for places from a checkpoint on could not tell its midst from its beginning.
            self._make_checkpoint()
        return ending

    def seek(self, position: Position) -> None:
        """Go to ``position`` by the shortest way; returns early when interrupted.

        Raises what ``forward`` raises, and BadPosition for one beyond the end.
        """
        if position > self.end:
            last = self.trace.event_count
            raise BadPosition(position, f"is beyond the end: the trace has {last} events", self.end)
        nearest = self._store.before(position)
        if self._lost or not nearest.position <= self.position <= position:
            self.restore(nearest)
        while self.position < position and not self._interrupted:
            self.forward(position)
            self._report()

    def seek_steps(self, steps: int) -> None:
        """Go to where ``steps`` instructions and crossings are done, or to the end; else as
        ``seek``."""
        nearest = self._store.before_steps(steps)
        if self._lost or not nearest.steps <= self.steps <= steps:
            self.restore(nearest)
        while self.steps < steps and self.position < self.end and not self._interrupted:
            self.forward(self.end, steps - self.steps)
            self._report()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back, or ahead, to a checkpoint of the store."""
        pages = self._dirty_now() | self._store.changed_between(self._base, checkpoint)
        self._lost = True  # unless it returns
        self._put(self._store.contents(checkpoint, pages))
        self.load_processor(checkpoint)
        self._engine.dirty_pages()
        self._engine.code_reached()
        self._dirty.clear()
        self._door.jump(checkpoint.position, checkpoint.steps)
        self._source.jump(checkpoint.position.event)
        self._blocks.go_to(checkpoint.blocks)
        self._base = checkpoint
        self._lost = False

    def written_since_base(self) -> tuple[Checkpoint, frozenset[int]]:
        """The checkpoint from which memory has come to be as it is, and the pages written since."""
        return self._base, frozenset(self._dirty_now())

    def begin(self) -> None:
        """A new journey begins, which no interrupt was meant for yet. Where the last one failed,
        the guest is put where it stood before that."""
        self._interrupted = False
        if self._lost:
            self.seek(self.position)

    def was_interrupted(self) -> bool:
        """Whether somebody wants the journey to end."""
        return self._interrupted

    def interrupt(self) -> None:
        """Make what runs return soon; from any thread."""
        self._interrupted = True
        self.machine.interrupt()

    def close(self) -> None:
        """Give the machine back."""
        self._store.clear()
        self._source.close()
        self.machine.close()

    def _advance(self, budget: int, until_event: int) -> Ending | None:
        self._lost = True  # unless it returns
        try:
            ending = self._door.advance(
                budget, until_event, crossing_costs=CROSSING_COST, stretched=self.on_stretch
            )
        except BadAnswer as error:
            raise BadEvent(str(error), index=self._door.events) from error
        except StateDivergence:  # behind a crossing that is not counted to its end
            before = Position(self._door.events - 1, self._door.instructions)
            self._door.jump(before, self._door.steps)
            raise
        self._lost = False
        if isinstance(ending, Stopped) and not self._interrupted:
            return None  # an interrupt that was meant for an earlier journey
        return None if isinstance(ending, Reached) else ending

    def _no_such_position(self, limit: Position) -> BadPosition:
        last = Position(limit.event, self._last_stretch)
        return BadPosition(limit, f"does not exist: the next event comes at {last}", last)

    def leap(self, checkpoint: Checkpoint) -> None:
        """Go ahead to a checkpoint, over what need not be run; what was printed there is told."""
        self.restore(checkpoint)
        event = checkpoint.position.event
        if event > self._told:
            for printing, data in self.console.entries(event):
                if printing >= self._told:
                    self._print_new(data)
            self._told = event

    def _print(self, data: bytes) -> None:
        event = self._door.events
        self.console.note(event, data)
        if event >= self._told:  # what an earlier session has seen is new to this one
            self._told = event + 1
            self._print_new(data)

    def _report(self) -> None:
        if self.progress is not None:
            self.progress(self.position)

    def load_processor(self, checkpoint: Checkpoint) -> None:
        """Take over the processor of a checkpoint alone, whose memory may be another."""
        self._lost = True
        if isinstance(checkpoint.processor, Mapping):
            self._engine.set_registers(checkpoint.processor)
            checkpoint.processor = self._engine.save_processor()
        else:
            self._engine.restore_processor(checkpoint.processor)

    # ---- checkpoints

    def _first_checkpoint(self) -> Checkpoint:
        resident = self._engine.dirty_pages()
        self._engine.code_reached()
        pages = {
            number: page for number, page in self._pages(resident).items() if page != _ZERO_PAGE
        }
        processor = self._engine.save_processor()
        return Checkpoint(Position(0), 0, 0, processor, 0, PageSet(pages))

    def _make_checkpoint(self) -> None:
        changed = self._dirty_now()
        reached = self._engine.code_reached()
        here = self._store.at(self.position)
        if here is None:
            pages = PageSet(self._pages(changed))
            processor = self._engine.save_processor()
            here = Checkpoint(
                self.position, self.steps, self.cost, processor, self._blocks.mark, pages, reached
            )
            self._store.add(here)
            self._added += 1
        elif here.reached is None:
            here.reached = reached
        self._base = here
        self._dirty.clear()
        if self._store.is_full or self._added >= _ADDED_BETWEEN_THINNINGS:
            self._added = 0
            self._store.thin(self.cost, here)

    def _dirty_now(self) -> set[int]:
        self._dirty.update(self._engine.dirty_pages())
        return self._dirty

    def _pages(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Copies of pages, straight from where all engines have them: there are many."""
        view = self.machine.ram.view
        return {
            number: bytes(view[number * PAGE_BYTES : (number + 1) * PAGE_BYTES])
            for number in numbers
        }

    def _put(self, pages: dict[int, bytes]) -> None:
        """Write the pages that differ, adjacent ones at once."""
        view = self.machine.ram.view
        changed = [
            number
            for number, page in sorted(pages.items())
            if bytes(view[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]) != (page or _ZERO_PAGE)
        ]
        for first, count in _runs(changed):
            data = b"".join(pages[number] or _ZERO_PAGE for number in range(first, first + count))
            self._engine.write(first * PAGE_BYTES, data)


def _runs(numbers: Iterable[int]) -> Sequence[tuple[int, int]]:
    """Ascending numbers as (first, count) of those that follow each other."""
    runs: list[tuple[int, int]] = []
    first = following = -1
    for number in numbers:
        if number != following:
            if following > first:
                runs.append((first, following - first))
            first = number
        following = number + 1
    if following > first:
        runs.append((first, following - first))
    return runs
