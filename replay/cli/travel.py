"""``solo5-replay --until`` and ``--back-to``: go to a place of a recording and tell of it."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.stopping import Stopper

if TYPE_CHECKING:
    from pathlib import Path

    from replay.player.goals import Goal
    from replay.player.session import Changes
    from replay.player.source import ConsoleSink
    from replay.player.stops import Stop, Wanted
    from replay.player.symbols import Symbols
    from replay.player.timeline import Timeline
    from traces.reader import Trace

_PROGRAM = "solo5-replay"


@dataclass(frozen=True, slots=True)
class Trip:
    """The goal ``text``, from the start or from the end ``backward``; a core file is made there
    where ``core`` names one, and nothing is told when ``quiet``, but for the origin of the value
    that ``why`` names."""

    text: str
    backward: bool = False
    core: Path | None = None
    timeout_s: float | None = None
    quiet: bool = False
    why: str = ""


def travel(trace: Trace, trip: Trip, changes: Changes, console: ConsoleSink) -> int:
    """Make a trip; the exit status. Raises ``PlayerError`` for a goal that is none."""
    from replay.player.errors import Divergence, StateDivergence
    from replay.player.goals import parse_goal
    from replay.player.symbols import Symbols
    from replay.player.timeline import Timeline

    with closing(Timeline(trace, changes=changes, console=console)) as timeline:
        symbols = Symbols(timeline.guest)
        goal = parse_goal(trip.text, symbols, timeline)
        stopper = Stopper(trip.timeout_s)
        try:
            with stopper.watching(timeline):
                stop = journey(timeline, goal, backward=trip.backward)
                reasons = _reasons(timeline, stop, trip, symbols, stopper)
        except (Divergence, StateDivergence) as error:
            say(_PROGRAM, f"{error}; `{_PROGRAM} {trace.path}` says more")
            return ReplayStatus.DIVERGED
        sys.stdout.flush()
        status = _tell(timeline, stop, stopper, trip, symbols)
        for line in reasons:
            say(_PROGRAM, line)
        return status


def journey(timeline: Timeline, goal: Goal, *, backward: bool = False) -> Stop:
    """Go to a goal for the first time that it is met, or ``backward`` for the last. Raises what
    journeys of a timeline raise."""
    from replay.machine.position import Position
    from replay.player.stops import Direction, Why

    if goal.position is not None:
        return timeline.seek(goal.position)
    wanted = goal.wanted
    assert wanted is not None
    if not backward:
        return _met_here(timeline, wanted) or timeline.run(Direction.FORWARD, wanted)
    if wanted.event is not None and timeline.end.event:
        # The way back does not look at where it begins, which is behind the last event.
        timeline.seek(Position(timeline.end.event - 1))
        stop = timeline.run(Direction.FORWARD, wanted)
        if stop.why is Why.EVENT:
            return stop
    stop = timeline.seek(timeline.end)
    if stop.why is Why.INTERRUPTED:
        return stop
    return _met_here(timeline, wanted) or timeline.run(Direction.BACKWARD, wanted)


def _reasons(
    timeline: Timeline, stop: Stop, trip: Trip, symbols: Symbols, stopper: Stopper
) -> list[str]:
    """Where the value comes from that is asked for, if the goal was reached."""
    from replay.player.named_values import parse_where
    from replay.player.origin_lines import describe
    from replay.player.origins import find_origin
    from replay.player.stops import Why

    if not trip.why or stop.why in (Why.INTERRUPTED, Why.START, Why.END):
        return []
    what = parse_where(trip.why, symbols, timeline)
    origin = find_origin(timeline, symbols, what, cancelled=lambda: stopper.asked)
    return describe(origin, trip.why)


def _met_here(timeline: Timeline, wanted: Wanted) -> Stop | None:
    """A run does not stop where it begins, but the first or last time may be there."""
    from replay.player.stops import Stop, Why

    rip = timeline.registers()["rip"]
    for point in wanted.breaks:
        if point.address == rip and (point.condition is None or point.condition(timeline)):
            return Stop(timeline.position, Why.BREAK, point)
    return None


def _tell(timeline: Timeline, stop: Stop, stopper: Stopper, trip: Trip, symbols: Symbols) -> int:
    from replay.player.stops import Why

    if stop.why is Why.INTERRUPTED:
        say(_PROGRAM, f"{stopper.reason}, at position {stop.position}")
        return ReplayStatus.TIMEOUT if stopper.timed_out else ReplayStatus.INTERRUPTED
    if stop.why in (Why.START, Why.END):
        say(_PROGRAM, f"{trip.text} does not occur in this recording")
        return ReplayStatus.GUEST_FAILED
    if trip.core is not None:
        from replay.cli.core_dump import dump_core

        dump_core(_PROGRAM, trip.core, timeline.machine, b"")
    if not trip.quiet:
        say(_PROGRAM, f"at position {stop.position} ({stop.why.value})")
        for number, place in enumerate(symbols.call_stack(timeline.registers(), timeline.word)):
            say(_PROGRAM, f"  {'by' if number else 'at'} {place}")
    return ReplayStatus.FAITHFUL
