"""Going along with a recording that grows, a stretch at a time, so that others get their turn."""

from __future__ import annotations

from collections.abc import Callable

from replay.machine.position import Position
from replay.player.stops import Stop, Why
from replay.tui.explorer import Explorer

STRETCH_EVENTS = 256
"""Between two looks at whether it is enough."""


def catch_up(explorer: Explorer, enough: Callable[[], bool]) -> Stop:
    """Go on towards the end until it is reached, or ``enough`` says so, or somebody interrupts;
    what lies between here and the last checkpoint is leapt over. Breakpoints do not stop it."""
    timeline = explorer.timeline
    end = timeline.end
    stop = Stop(timeline.position, Why.REACHED)
    while timeline.position < end and stop.why is not Why.INTERRUPTED and not enough():
        stop = timeline.seek(min(_next(explorer), end))
    if timeline.position >= end and timeline.trace.complete:
        return explorer.to_end()
    return Stop(timeline.position, Why.REACHED)


def _next(explorer: Explorer) -> Position:
    timeline = explorer.timeline
    known = max(timeline.position, *timeline.checkpoints()[-1:])
    return Position(known.event + STRETCH_EVENTS)
