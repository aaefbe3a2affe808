"""``solo5-trace export core``: what ``solo5-replay --core`` makes, at any goal."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import BinaryIO, cast

from replay.cli.exit_codes import ReplayStatus
from replay.cli.export_events import changes_of
from replay.cli.messages import say
from replay.cli.new_file import NewFile
from replay.cli.progress import progress_bar
from replay.cli.stopping import Stopper
from replay.cli.travel import journey
from replay.export.core import write_core
from replay.machine.ending import Halted
from replay.player.errors import Divergence, StateDivergence
from replay.player.goals import parse_goal
from replay.player.stops import Direction, Stop, Wanted, Why
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from traces.reader import Trace

_PROGRAM = "solo5-trace"
_END = "end"


def export_core(
    trace: Trace, arguments: argparse.Namespace, file: NewFile
) -> tuple[ReplayStatus, str]:
    """Write the guest's state at ``arguments.at``; how that went, and what was written.

    Raises OSError, ``EngineError``, ``PlayerError``, ``MonitorError`` and
    ``traces.errors.DamagedTrace``.
    """
    with (
        progress_bar("replaying", trace.event_count) as told,
        closing(
            Timeline(trace, changes=changes_of(arguments), progress=lambda place: told(place.event))
        ) as timeline,
    ):
        status, text = _made(timeline, arguments.at, file)
    if status != ReplayStatus.FAITHFUL:
        say(_PROGRAM, text)
    return status, text


def _made(timeline: Timeline, goal: str, file: NewFile) -> tuple[ReplayStatus, str]:
    """How it went, and what to say of it."""
    stopper = Stopper()
    try:
        with stopper.watching(timeline):
            stop = _go(timeline, goal)
    except (Divergence, StateDivergence) as error:
        return ReplayStatus.DIVERGED, f"{error}; `solo5-replay {timeline.trace.path}` says more"
    if stop.why is Why.INTERRUPTED:
        return ReplayStatus.INTERRUPTED, f"{stopper.reason}, at position {stop.position}"
    if stop.why in (Why.START, Why.END) and goal != _END:
        return ReplayStatus.GUEST_FAILED, f"{goal} does not occur in this recording"
    cookie = stop.ending.cookie if isinstance(stop.ending, Halted) else b""
    pages = write_core(cast(BinaryIO, file.stream), timeline.machine, cookie)
    amount = f"{pages.written} of {pages.total} pages of memory are in use"
    return ReplayStatus.FAITHFUL, f"position {stop.position}, {amount}; core"


def _go(timeline: Timeline, goal: str) -> Stop:
    if goal == _END:  # which is told how the guest ended
        return timeline.run(Direction.FORWARD, Wanted())
    return journey(timeline, parse_goal(goal, Symbols(timeline.guest), timeline))
