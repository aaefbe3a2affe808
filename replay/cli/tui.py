"""Looking at a recording in the terminal: ``solo5-replay --tui``, or in a browser: ``--web``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.lifeline import end_with_parent
from replay.cli.messages import say
from replay.cli.signals import on_signals

if TYPE_CHECKING:
    from replay.machine.position import Position
    from replay.player.session import Changes
    from replay.tui.app import ReplayApp
    from replay.tui.desk import Way
    from replay.tui.explorer import Explorer
    from replay.tui.live import RecorderProcess
    from replay.tui.session_keeper import SessionKeeper
    from traces.reader import Trace

_PROGRAM = "solo5-replay"
_KEPT_SUFFIX = ".checkpoints"
_DRIVER = "TEXTUAL_DRIVER"
"""Set where the screen is no terminal but what serves it to a browser."""

_PATIENCE_S = 5.0
"""How long an orderly end may take when the terminal is gone."""


@dataclass(frozen=True, slots=True)
class Browsing:
    """What was asked for: to begin ``at`` a position, or ``at_end``, or where the last session
    ended; folders of ``sources``; states to go back to take ``checkpoint_mib`` of memory and stay
    beside the trace when ``keeps_checkpoints``."""

    at: Position | None = None
    at_end: bool = False
    sources: Sequence[Path] = ()
    checkpoint_mib: int = 512
    keeps_checkpoints: bool = False
    follow: bool = False
    """Whether the guest goes along at once with a recording that is still being made."""


def why_no_screen() -> str:
    """Why the screen cannot be used here; empty if it can."""
    if os.environ.get(_DRIVER):
        return ""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return "--tui wants a terminal, for input, output and errors"
    term = os.environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return f"--tui wants a terminal that can be drawn on, and TERM is {term or 'not set'!r}"
    return ""


def browse(
    trace: Trace, wanted: Browsing, changes: Changes, recorder: RecorderProcess | None = None
) -> int:
    """Until the user leaves; the exit status. ``recorder`` is the one that makes the trace, where
    it is a child of this program."""
    if problem := why_no_screen():
        say(_PROGRAM, problem)
        return ReplayStatus.USAGE
    if wanted.at is not None and wanted.at.event > trace.event_count:
        say(_PROGRAM, f"position {wanted.at} is behind the end, {trace.event_count}")
        return ReplayStatus.USAGE
    if os.environ.get(_DRIVER):  # a page is of no use without its server
        end_with_parent(os.getppid())
    else:  # the terminal knows its size, now and later
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)
    if os.environ.get("NO_COLOR") == "":  # which says nothing (no-color.org), but not to Textual
        del os.environ["NO_COLOR"]
    from replay.tui.app import ReplayApp
    from replay.tui.recording import Recording
    from replay.tui.session_keeper import SessionKeeper

    recording = Recording(trace, changes=changes)
    recording.begin(follow=not trace.complete and (wanted.follow or trace.being_written))
    keeper = SessionKeeper(recording.path)
    opening = replace(keeper.opening(_way(wanted)), follows=wanted.follow)
    app = ReplayApp(recording, _opener(trace, wanted, changes), opening, recorder)
    try:
        asyncio.run(_run(app, keeper))
    finally:
        if problem := keeper.save(app.session()):
            say(_PROGRAM, problem)
    return app.return_code or ReplayStatus.FAITHFUL


async def _run(app: ReplayApp, keeper: SessionKeeper) -> None:
    """Until the user leaves, or a signal comes."""
    loop = asyncio.get_running_loop()
    gone = threading.Timer(_PATIENCE_S, os._exit, (ReplayStatus.INTERRUPTED,))
    gone.daemon = True

    def leave(number: int) -> None:
        # A terminal that is gone may stop this program at any write: the session is kept at once,
        # by a handler that does not wait for the loop, and an end comes in any case.
        keeper.save(app.session())
        if number == signal.SIGHUP and not gone.is_alive():
            gone.start()
        with contextlib.suppress(RuntimeError):  # the loop has just ended
            loop.call_soon_threadsafe(lambda: app.exit(return_code=ReplayStatus.INTERRUPTED))

    with on_signals(leave):
        try:
            await app.run_async()
        finally:
            gone.cancel()


def _way(wanted: Browsing) -> Way | None:
    from replay.tui.explorer import Explorer

    place = wanted.at
    if place is not None:
        return lambda explorer: explorer.seek_exactly(place)
    return Explorer.to_end if wanted.at_end else None


def _opener(
    trace: Trace, wanted: Browsing, changes: Changes
) -> Callable[[Callable[[Position], object]], Explorer]:
    def open_explorer(progress: Callable[[Position], object]) -> Explorer:
        from replay.player.source_files import SourceFiles
        from replay.player.timeline import Timeline
        from replay.toolchain.bindings import guest_tree
        from replay.tui.explorer import Explorer

        timeline = Timeline(
            trace,
            checkpoint_memory=wanted.checkpoint_mib << 20,
            changes=changes,
            progress=progress,
            kept=Path(f"{trace.path}{_KEPT_SUFFIX}") if wanted.keeps_checkpoints else None,
        )
        # Guests of this toolchain name the sources that it has brought along.
        beside = (Path.cwd(), Path(trace.path).resolve().parent, guest_tree())
        return Explorer(timeline, SourceFiles(wanted.sources, beside))

    return open_explorer
