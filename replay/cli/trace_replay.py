"""``solo5-trace dump --replay``: the guest runs again, so that its own bytes can be shown, too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from monitors.calls import Call, Result
from monitors.errors import MonitorError
from replay.cli.divergence import divergence_report
from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.progress import replay_with_progress
from replay.cli.stopping import Stopper
from replay.cli.trace_dump import EventPrinter, Selection
from replay.engines.choice import AUTO
from replay.engines.errors import EngineError
from replay.machine.ending import Stopped
from replay.machine.ports import Observer
from replay.machine.position import Position
from replay.player.errors import Divergence, GuestNeeded, StateDivergence
from replay.player.session import Changes
from replay.player.starting import start_replay
from traces.codec import describe
from traces.events import Event
from traces.reader import Trace

_PROGRAM = "solo5-trace"
_CONSOLE_KEPT_BYTES = 4096


class _Watcher:
    """An observer that prints the selected crossings."""

    def __init__(self, selection: Selection, printer: EventPrinter) -> None:
        self._selection = selection
        self._show = printer.show

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        if index >= self._selection.first and self._selection.wants(type(call).__name__):
            self._show(Event(index, describe(call), result), given_bytes(call))


class _ConsoleEnd:
    """The last of what the guest printed, for the report of a divergence."""

    def __init__(self) -> None:
        self.kept = bytearray()

    def write(self, data: bytes) -> None:
        self.kept += data
        del self.kept[:-_CONSOLE_KEPT_BYTES]


def given_bytes(call: Call) -> bytes | None:
    """The bytes in a call; None for calls that have none."""
    values = (getattr(call, part.name) for part in fields(call))
    return next((value for value in values if isinstance(value, bytes)), None)


def dump_replayed(
    trace: Trace, selection: Selection, printer: EventPrinter, guest: str | None
) -> ReplayStatus:
    """Replay ``trace`` up to the selection's end and print what is selected.

    ``guest`` is the path of the guest where the trace does not embed it. What was answered before a
    divergence has been printed; raises ``traces.errors.DamagedTrace``.
    """
    try:
        changes = Changes(None if guest is None else Path(guest).read_bytes())
    except OSError as error:
        say(_PROGRAM, f"{guest}: {error.strerror}")
        return ReplayStatus.CANNOT_REPLAY
    try:
        return _replay(trace, selection, printer, changes)
    except (EngineError, GuestNeeded, MonitorError) as error:
        say(_PROGRAM, f"cannot replay {trace.path}: {error}")
        return ReplayStatus.CANNOT_REPLAY


def _replay(
    trace: Trace, selection: Selection, printer: EventPrinter, changes: Changes
) -> ReplayStatus:
    try:
        return watched_replay(
            trace,
            _Watcher(selection, printer),
            changes,
            until=_until(trace, selection),
            before_message=lambda: _flush(printer),
        )
    finally:
        printer.flush()


def watched_replay(
    trace: Trace,
    watcher: Observer,
    changes: Changes,
    *,
    until: Position | None = None,
    before_message: Callable[[], object] = lambda: None,
    with_bar: bool = False,
) -> ReplayStatus:
    """Replay ``trace`` to ``until`` or its end before the eyes of ``watcher``, and say why it came
    to an earlier end; ``before_message`` is called before that, ``with_bar`` shows the progress.

    Raises ``EngineError``, ``GuestNeeded``, ``MonitorError`` and ``traces.errors.DamagedTrace``.
    """
    console = _ConsoleEnd()
    session, _ = start_replay(
        trace, AUTO, changes=changes, console=console.write, observers=lambda _: (watcher,)
    )
    stopper = Stopper()
    try:
        with stopper.watching(session.machine):
            replayed = replay_with_progress(session, until, wanted=with_bar)
    except (Divergence, StateDivergence) as error:
        before_message()
        again = ["solo5-replay", trace.path]
        say(_PROGRAM, divergence_report(error, session, bytes(console.kept), again))
        return ReplayStatus.DIVERGED
    finally:
        session.close()
    if isinstance(replayed.ending, Stopped):
        before_message()
        say(_PROGRAM, f"{stopper.reason}, at position {replayed.position}")
        return ReplayStatus.INTERRUPTED
    return ReplayStatus.FAITHFUL


def _until(trace: Trace, selection: Selection) -> Position | None:
    end = selection.end
    return None if end is None or end >= trace.event_count else Position(end)


def _flush(printer: EventPrinter) -> None:
    """Results first, also where both streams go to one place."""
    printer.flush()
    sys.stdout.flush()
