"""A recording under exploration: all ways through it, and what was seen at the end of one.

Everything here runs in the thread that owns the timeline; what it gives away is plain data.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from monitors.errors import MonitorError
from replay.engines.effects import part_of
from replay.engines.errors import EngineError
from replay.engines.ports import Access
from replay.machine.ending import Ending
from replay.machine.position import Position
from replay.player.call_sites import CallSite, call_sites
from replay.player.errors import Divergence, PlayerError, StateDivergence
from replay.player.goals import parse_goal
from replay.player.locations import parse_location
from replay.player.origins import FOLLOWED, NoValue
from replay.player.source_files import SourceFiles
from replay.player.source_steps import finish, next_line, step_line
from replay.player.stops import Break, Direction, Stop, View, Wanted, Why
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from replay.player.whereabouts import InMemory, Where
from replay.tui.model.aims import Aims, aims_of
from replay.tui.model.code import CodeLooker
from replay.tui.model.points import BreakPoint, Points, WatchPoint
from replay.tui.model.symbol_search import SymbolNames, symbol_names
from replay.tui.model.watches import number_text
from traces.errors import TraceError

_LONGEST = 15
"""Bytes of an instruction."""

_NUMBER_BYTES = 8
_ACCESSED = {Access.WRITE: "written", Access.READ: "read", Access.READ_WRITE: "accessed"}

A_BUG = "this is a bug of solo5-replay"
"""How the user is told of what should never be."""

FAILURES = (EngineError, MonitorError, PlayerError, TraceError)
"""What a journey may end with; the guest then stands somewhere, and other ways stay open."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last journey could not be made, for people. ``event`` is where replay and recording
    part ways, if that is what it was."""

    text: str
    event: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The guest as it stands at one position; ``seen`` is what each pane's look has found."""

    position: Position
    stop: Stop
    end: Position
    steps: int
    checkpoints: Sequence[Position]
    trouble: Trouble | None = None
    ending: Ending | None = None
    """How the guest ended, once the end has been seen."""
    seen: Mapping[str, object] = field(default_factory=dict)
    because: str = ""
    """More of why it stands here, where there is more to say."""
    points: Points = field(default_factory=Points)
    problems: Mapping[int, str] = field(default_factory=dict)
    """Points that cannot be meant any more, by number."""

    def with_seen(self, seen: Mapping[str, object]) -> Moment:
        """The same, with more looked at."""
        return replace(self, seen={**self.seen, **seen})


class Explorer:
    """One timeline with its symbols, and what the user wants it to stop at."""

    def __init__(self, timeline: Timeline, sources: SourceFiles) -> None:
        self.timeline = timeline
        self.sources = sources
        self.symbols = Symbols(timeline.guest)
        self.code = CodeLooker(self.symbols, sources)
        self.points = Points()
        self._aims = Aims()
        self._stop = Stop(timeline.position, Why.START)
        self._because = ""
        self._goal = ""
        self._values: Mapping[int, bytes | None] = {}
        self._ending: Ending | None = None

    def wanted(self) -> Wanted:
        """What the user wants journeys to stop at."""
        return self._aims.wanted

    def set_points(self, points: Points) -> None:
        """Other breakpoints, watches and displays from now on."""
        self.points = points
        self._aims = aims_of(points.points, self.symbols)

    @cached_property
    def names(self) -> SymbolNames:
        """All names, to be searched by anybody."""
        return symbol_names(self.symbols)

    # ---- ways

    def seek(self, position: Position) -> Stop:
        """To a position, or the end where it is beyond."""
        return self.timeline.seek(min(position, self.timeline.end))

    def to_start(self) -> Stop:
        """Before the first instruction."""
        return self.timeline.seek(self.timeline.start)

    def to_end(self) -> Stop:
        """Behind the last event."""
        here = self.timeline.seek(self.timeline.end)
        if here.why is Why.INTERRUPTED:
            return here
        return self.timeline.run(Direction.FORWARD, Wanted())

    def to_event(self, event: int) -> Stop:
        """Before the instruction by which event number ``event`` happens, so that the stack tells
        who makes the call."""
        if event >= self.timeline.end.event:
            return self.to_end()
        stop = self.timeline.seek(Position(event + 1))
        return stop if stop.why is Why.INTERRUPTED else self.timeline.step(-1)

    def to_event_unless_there(self, event: int, other: int | None, direction: Direction) -> Stop:
        """The same, but to the ``other`` where the guest stands there already; raises ``NotThere``,
        and stays, if there is no other."""
        here = self.timeline.position
        stop = self.to_event(event)
        if stop.position != here or event == other:
            return stop
        if other is None:
            raise NotThere("another such event", direction, here)
        return self.to_event(other)

    def step(self, count: int) -> Stop:
        """Instructions on, or back."""
        return self.timeline.step(count)

    def step_line(self, direction: Direction, wanted: Wanted) -> Stop:
        """To the next line, or the one before, in whatever function."""
        return step_line(self.timeline, self.symbols, direction, wanted)

    def next_line(self, direction: Direction, wanted: Wanted) -> Stop:
        """The same over calls."""
        return next_line(self.timeline, self.symbols, direction, wanted)

    def finish(self, direction: Direction, wanted: Wanted) -> Stop:
        """Out of the function, behind the call or back to it."""
        return finish(self.timeline, self.symbols, direction, wanted)

    def next_instruction(self, direction: Direction, wanted: Wanted) -> Stop:
        """One instruction on or back, over calls: a call is gone over to where it returns to."""
        if direction is Direction.FORWARD:
            site = self._call_here()
            return self.timeline.step(1) if site is None else self._behind_call(site, wanted)
        here = self.timeline.registers()["rsp"]
        stop = self.timeline.step(-1)
        if stop.why is not Why.REACHED or self.timeline.registers()["rsp"] >= here:
            return stop
        inner = self.symbols.frame(self.timeline.registers(), self.timeline.word)
        if inner is None or inner.cfa != here:
            return stop
        return finish(self.timeline, self.symbols, direction, wanted)

    def proceed(self, direction: Direction, wanted: Wanted) -> Stop:
        """Until something wanted, or the end or start."""
        return self.timeline.run(direction, wanted)

    def seek_exactly(self, position: Position) -> Stop:
        """To a position; raises ``BadPosition``, and stays, for one that there is not."""
        return self.timeline.seek(position)

    def to_goal(self, text: str, direction: Direction) -> Stop:
        """To the nearest place that a goal writes; raises ``NotThere``, and stays, if there is
        none."""
        goal = parse_goal(text, self.symbols, self.timeline)
        if goal.position is not None:
            return self.timeline.seek(goal.position)
        assert goal.wanted is not None
        here = self.timeline.position
        stop = self.timeline.run(direction, goal.wanted)
        if stop.why in (Why.START, Why.END):
            self.timeline.seek(here)
            raise NotThere(text, direction, here)
        self._goal = text
        return stop

    def last_write(self, address: int, size: int) -> Stop:
        """To before the last write to memory; raises ``NeverWritten``, and stays."""
        stop = self.timeline.last_write(address, size)
        if stop is None:
            raise NeverWritten(f"nobody wrote to the {size} bytes at {address:#x} before here")
        return stop

    def last_write_of(self, where: Where) -> Stop:
        """To before the last write of memory or a register; raises ``NeverWritten``, and stays."""
        if isinstance(where, InMemory):
            return self.last_write(where.address, where.size)
        return self.last_register_write(where.name)

    def last_register_write(self, name: str) -> Stop:
        """To before the instruction or event that gave a register its value; raises
        ``NeverWritten`` and ``NoValue``, and stays."""
        part = part_of(name)
        if part is None or name not in FOLLOWED:
            raise NoValue(f"the writes of register {name} cannot be found")
        stop = self.timeline.last_register_write(part)
        if stop is None:
            raise NeverWritten(f"nobody wrote to {name} before here")
        return stop

    def addresses_of(self, place: str) -> Sequence[int]:
        """Where in the code a function, line or address is; raises ``BadLocation``."""
        rip = self.timeline.registers()["rip"]
        return parse_location(place, self.symbols, here=rip)

    # ---- moments

    def travel(
        self, way: Callable[[Explorer], Stop], looks: Mapping[str, Callable[[Explorer], object]]
    ) -> Moment:
        """Go a way and look around at its end. What fails on it is told in the moment."""
        trouble, self._goal = None, ""
        try:
            self._arrive(way(self))
        except FAILURES as error:
            trouble = self._after(error)
        return replace(self.look(looks), trouble=trouble)

    def look(self, looks: Mapping[str, Callable[[Explorer], object]]) -> Moment:
        """The present moment."""
        timeline = self.timeline
        self._values = watched_values(self.points, timeline)
        return Moment(
            timeline.position,
            self._stop,
            timeline.end,
            timeline.steps,
            tuple(timeline.checkpoints()),
            ending=self._ending,
            because=self._because,
            points=self.points,
            problems=self._aims.problems,
            seen={name: _seen(look, self) for name, look in looks.items()},
        )

    def _call_here(self) -> CallSite | None:
        rip = self.timeline.registers()["rip"]
        code = self.timeline.read(rip, _LONGEST) or b""
        found = (site for site in call_sites(code, rip) if site.address == rip)
        return next((site for site in found if not site.is_jump), None)

    def _behind_call(self, site: CallSite, wanted: Wanted) -> Stop:
        """Behind the call at ``site``, in this frame: what it calls may come by there, too."""
        rsp = self.timeline.registers()["rsp"]

        def is_this_frame(view: View) -> bool:
            return view.registers()["rsp"] >= rsp

        behind = Break(site.returns_to, is_this_frame)
        stop = self.timeline.run(
            Direction.FORWARD, replace(wanted, breaks=(*wanted.breaks, behind))
        )
        return replace(stop, why=Why.REACHED, hit=None) if stop.hit is behind else stop

    def _arrive(self, stop: Stop) -> None:
        self._stop = stop
        if stop.ending is not None:
            self._ending = stop.ending
        numbers = self._aims.numbers_of(stop, self.timeline)
        met = stop.why in (Why.BREAK, Why.WATCH, Why.EVENT)
        self._because = "; ".join(self._told(number) for number in numbers)
        if met and not self._because:
            self._because = self._goal
        if numbers:
            self.set_points(self.points.hit(numbers))

    def _told(self, number: int) -> str:
        point = self.points.point(number)
        if isinstance(point, BreakPoint):
            return f"breakpoint {number}, {point.place}"
        before = self._values.get(number)
        now = watched_values(self.points, self.timeline).get(number)
        if before is not None and now is not None and before != now:
            values = (int.from_bytes(value, "little") for value in (before, now))
            return f"watch {number}, {point.text}: {' → '.join(map(number_text, values))}"
        return f"watch {number}, {point.text} {_ACCESSED[point.access]}"

    def _after(self, error: Exception) -> Trouble:
        """Where a replay and its recording part ways there is no way on; all others stay open."""
        with contextlib.suppress(*FAILURES):
            self.timeline.seek(self.timeline.position)
        self._stop, self._because = Stop(self.timeline.position, Why.REACHED), ""
        if isinstance(error, Divergence | StateDivergence):
            return Trouble(str(error), error.position.event)
        return Trouble(str(error))


def watched_values(points: Points, view: View) -> dict[int, bytes | None]:
    """What numbers the watched memory has in it, by the number of the watch."""
    return {
        point.number: view.read(point.address, point.size)
        for point in points.points
        if isinstance(point, WatchPoint) and point.size <= _NUMBER_BYTES
    }


class NotThere(PlayerError):
    """A goal does not occur on the way; ``direction`` is where it was looked for."""

    def __init__(self, text: str, direction: Direction, here: Position) -> None:
        self.direction = direction
        where = "behind" if direction is Direction.FORWARD else "before"
        super().__init__(f"{text} does not occur {where} {here}")


class NeverWritten(PlayerError):
    """A value is what it was at the start."""


def _seen(look: Callable[[Explorer], object], explorer: Explorer) -> object:
    try:
        return look(explorer)
    except FAILURES as error:
        return Trouble(str(error))
    except Exception as error:  # one pane has nothing to show then, and all others have
        return Trouble(f"{A_BUG}: {type(error).__name__}: {error}")
