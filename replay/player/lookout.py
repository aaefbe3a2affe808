"""Looking out for breakpoints, watched memory and events while a replay goes forward.

Two ways to look: *stopping* at every place, where a condition has to be asked there; and *noting*
in passing, which is fast and tells only the first and the last hit of each piece, and of watched
memory only the block of code that accessed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from monitors.calls import Call, Result
from monitors.ports import Watched
from replay.engines.ports import Access, Hit, Watchpoint
from replay.machine.ending import Ending, Paused
from replay.machine.position import Position
from replay.player.machine_view import MachineView
from replay.player.rewind import RewindableReplay
from replay.player.stops import Break, Wanted, Watch, Why

_WORD = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A place wanted. ``made`` is where the guest stands with it done, behind an access or an
    event; ``open`` where it stands just before that. For a breakpoint both are the same."""

    why: Why
    open: Position
    made: Position
    hit: Break | Watch | None = None


@dataclass(frozen=True, slots=True)
class Vague:
    """Watched memory was accessed by one of the instructions ``low`` to ``high`` - 1 of a stretch
    between two events; there may be more of them."""

    event: int
    low: int
    high: int
    watch: Watch

    @property
    def begin(self) -> Position:
        """Before all that it may have been."""
        return Position(self.event, self.low)


class Lookout:
    """Looks out for ``wanted`` on one replay as long as the context is open.

    ``found`` are the exact places since the last ``clear``, in their order, and ``vague`` the
    others. With ``pausing`` the replay pauses at each; breakpoints stop the engine then.
    """

    def __init__(
        self, replay: RewindableReplay, wanted: Wanted, *, stopping: bool, pausing: bool
    ) -> None:
        self.found: list[Found] = []
        self.vague: list[Vague] = []
        self._replay = replay
        self._view = MachineView(replay.machine)
        self._wanted = wanted
        self._stops_at_breaks = stopping or pausing
        self._stops_at_watches = stopping
        self._pausing = pausing
        self._written: list[Watch] = []
        self._judged: Position | None = None
        self._stood: tuple[Position, int, int] | None = None
        self._breaks: dict[int, list[Break]] = {}
        for each in wanted.breaks:
            self._breaks.setdefault(each.address, []).append(each)
        self._watches = {each.point: each for each in wanted.watches}
        points = [each.point for each in wanted.watches]
        self._pieces = [piece for point in points for piece in aligned_pieces(point)]
        self._places = tuple(self._physical_places())

    def __enter__(self) -> Self:
        engine, points = self._replay.engine, [each.point for each in self._wanted.watches]
        noted_breaks = () if self._stops_at_breaks else tuple(self._breaks)
        noted_points = () if self._stops_at_watches else points
        engine.set_breakpoints(tuple(self._breaks) if self._stops_at_breaks else ())
        engine.set_watchpoints(self._pieces if self._stops_at_watches else ())
        engine.note(noted_breaks, noted_points)
        self._notes = bool(noted_breaks or noted_points)
        self._replay.on_stretch = self._stretched if self._notes else None
        needs_events = self._wanted.event is not None or bool(self._places)
        self._replay.on_event = self._crossed if needs_events else None
        self._replay.watch_host_writes(self._host_wrote if self._places else None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        engine = self._replay.engine
        engine.set_breakpoints(())
        engine.set_watchpoints(())
        engine.note((), ())
        self._replay.on_stretch = self._replay.on_event = None
        self._replay.watch_host_writes(None)

    def clear(self) -> None:
        """Forget what was found."""
        self.found.clear()
        self.vague.clear()

    def judge(self, ending: Ending | None) -> None:
        """Note the place where the replay has stopped, if that counts. An engine does not stop at
        a breakpoint where it begins, so a piece's end is looked at in any case."""
        here = self._replay.position
        if isinstance(ending, Paused) and isinstance(ending.exit, Watched):
            self._judge_access(ending.exit, here)
        self.judge_break(here)

    def _judge_access(self, exit_: Watched, here: Position) -> None:
        watch = self._first_that_holds(self._accessed(exit_))
        if watch is not None:
            before = Position(here.event, max(0, here.instructions - 1))
            self.found.append(Found(Why.WATCH, before, here, watch))

    def judge_break(self, here: Position) -> None:
        """Note the breakpoint at which the guest stands, if that counts; once at each place."""
        if not self._stops_at_breaks or not self._breaks or here == self._judged:
            return
        self._judged = here
        address = self._arrived_at(here)
        for hit in () if address is None else self._breaks.get(address, ()):
            if hit.condition is None or hit.condition(self._view):
                self.found.append(Found(Why.BREAK, here, here, hit))
                return

    def pass_over(self, here: Position) -> None:
        """A breakpoint at ``here`` does not count."""
        self._judged = here
        if self._stops_at_breaks and self._breaks:
            self._arrived_at(here)

    def _arrived_at(self, here: Position) -> int | None:
        """The address at which the guest stands; ``None`` in the midst of a repeated instruction,
        which counts where it begins: the engine has stopped there, or the look-out began."""
        registers, before = self._view.registers(), self._stood
        rip, left = registers["rip"], registers["rcx"]
        self._stood = here, rip, left
        if before is None or rip not in self._breaks or before[1] != rip:
            return rip
        done = here.instructions - before[0].instructions
        is_one = here.event == before[0].event and 0 < done == before[2] - left
        return None if is_one and self._view.stands_at_repeated() else rip

    def _accessed(self, exit_: Watched) -> list[Watch]:
        """The watches that may be meant, the likeliest first: an engine names one piece of them."""
        at = exit_.address
        end = at + max((each.size for each in self._pieces if each.address == at), default=1)
        touched = [
            each
            for each in self._wanted.watches
            if each.point.address < end and at < each.point.address + each.point.size
        ]
        return sorted(touched, key=lambda each: each.point.address > at)

    def _first_that_holds(self, watches: Iterable[Watch]) -> Watch | None:
        for each in watches:
            if each.condition is None or each.condition(self._view):
                return each
        return None

    # ---- notes

    def _stretched(self, begin: Position, _instructions: int) -> None:
        hits = self._replay.engine.hits()
        if hits is None:
            return
        self._note(begin, hits.first)
        if hits.last != hits.first:
            self._note(begin, hits.last)

    def _note(self, begin: Position, hit: Hit) -> None:
        low, high = begin.instructions + hit.low, begin.instructions + hit.high
        if hit.watchpoint is None:
            at = Position(begin.event, low)
            self.found.append(Found(Why.BREAK, at, at, self._breaks[hit.address][0]))
            return
        watch = self._watches[hit.watchpoint]
        if high - low > 1:
            self.vague.append(Vague(begin.event, low, high, watch))
        else:
            before, after = Position(begin.event, low), Position(begin.event, high)
            self.found.append(Found(Why.WATCH, before, after, watch))

    # ---- at the door

    def _host_wrote(self, start: int, end: int) -> None:
        for low, high, watch in self._places:
            if start < high and low < end:
                self._written.append(watch)

    def _crossed(self, index: int, call: Call, result: Result) -> None:
        here = self._replay.position
        made = Position(index + 1)
        written = self._first_that_holds(self._written)
        self._written.clear()
        if written is not None:
            before = Position(index, here.instructions)
            self._found_at_event(Found(Why.WATCH, before, made, written))
        elif self._wanted.event is not None and self._wanted.event(index, call, result):
            self._found_at_event(Found(Why.EVENT, made, made))

    def _found_at_event(self, found: Found) -> None:
        self.found.append(found)
        if self._pausing:
            self._replay.pause()

    def _physical_places(self) -> Iterator[tuple[int, int, Watch]]:
        """The physical ranges of what the host may write to."""
        registers = self._view.registers()
        for watch in self._wanted.watches:
            if watch.point.access is Access.READ:
                continue
            at, size = watch.point.address, watch.point.size
            for gpa, length in self._view.places(registers, at, size):
                if gpa is not None:
                    yield gpa, gpa + length, watch


def aligned_pieces(point: Watchpoint) -> list[Watchpoint]:
    """The same bytes as naturally aligned points of 1, 2, 4 or 8 bytes."""
    pieces = []
    at, end = point.address, point.address + point.size
    while at < end:
        size = _WORD
        while at % size or at + size > end:
            size //= 2
        pieces.append(Watchpoint(at, size, point.access))
        at += size
    return pieces
