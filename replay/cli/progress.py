"""A progress bar for long replays, where there is a terminal to show it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.machine.position import Position
    from replay.player.session import Replayed, ReplaySession

EVENTS_WORTH_A_BAR = 20_000
"""Fewer are replayed too quickly for one to be seen."""

_EVENTS_PER_STEP = 2_000


def replay_with_progress(
    session: ReplaySession, until: Position | None, *, wanted: bool
) -> Replayed:
    """``session.run(until)``, with a bar on stderr when ``wanted`` and the replay is long."""
    total = until.event if until else session.trace.event_count
    if not wanted or total < EVENTS_WORTH_A_BAR or not sys.stderr.isatty():
        return session.run(until)
    return _with_bar(session, until, total)


def _with_bar(session: ReplaySession, until: Position | None, total: int) -> Replayed:
    from replay.machine.ending import Reached
    from replay.machine.position import Position

    with progress_bar("replaying", total) as told:
        for event in range(_EVENTS_PER_STEP, total, _EVENTS_PER_STEP):
            replayed = session.run(Position(event))
            told(event)
            if not isinstance(replayed.ending, Reached):
                return replayed
        return session.run(until)


@contextmanager
def progress_bar(what: str, total: int, *, wanted: bool = True) -> Iterator[Callable[[int], None]]:
    """A bar on stderr for as long as one is inside, where that is a terminal and it is wanted; what
    it gives is told how many of ``total`` are done."""
    if not wanted or not sys.stderr.isatty():
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def _ignore(_done: int) -> None:
    """Nobody looks."""
