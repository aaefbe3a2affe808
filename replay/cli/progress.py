"""A progress bar for long replays, where there is a terminal to show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.machine.position import Position
    from replay.player.session import Replayed, ReplaySession

_EVENTS_WORTH_A_BAR = 20_000
_EVENTS_PER_STEP = 2_000


def replay_with_progress(
    session: ReplaySession, until: Position | None, *, wanted: bool
) -> Replayed:
    """``session.run(until)``, with a bar on stderr when ``wanted`` and the replay is long."""
    total = until.event if until else session.trace.event_count
    if not wanted or total < _EVENTS_WORTH_A_BAR or not sys.stderr.isatty():
        return session.run(until)
    return _with_bar(session, until, total)


def _with_bar(session: ReplaySession, until: Position | None, total: int) -> Replayed:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from replay.machine.ending import Reached
    from replay.machine.position import Position

    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replaying", total=total)
        for event in range(_EVENTS_PER_STEP, total, _EVENTS_PER_STEP):
            replayed = session.run(Position(event))
            progress.update(task, completed=event)
            if not isinstance(replayed.ending, Reached):
                return replayed
        return session.run(until)
