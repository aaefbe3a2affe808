"""Exports of events: from a replay, which has the bytes that the guest gave, or the trace alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from monitors.calls import Call, Result
from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.progress import EVENTS_WORTH_A_BAR, progress_bar
from replay.cli.stopping import Stopper
from replay.cli.trace_replay import given_bytes, watched_replay
from replay.export.asciicast import AsciicastExporter
from replay.export.csv_rows import CsvExporter
from replay.export.exporter import Exporter, Write
from replay.export.json_lines import JsonLinesExporter
from replay.export.pcapng import PcapngExporter
from replay.export.perfetto import PerfettoExporter
from replay.export.times import EventSpans, EventTimes
from replay.player.session import Changes
from traces.codec import describe
from traces.columns import EventColumns, kinds_named, scan
from traces.events import Event
from traces.reader import Trace

_PROGRAM = "solo5-trace"
_EVENTS_PER_BEAT = 2_000
_WITH_BYTES = frozenset(("ConsoleWrite", "NetWrite", "BlockWrite", "BlockRead", "Halt"))
"""Calls in which the guest gives bytes, or may be given such that a trace does not repeat."""


def export_events(
    trace: Trace, arguments: argparse.Namespace, write: Write
) -> tuple[ReplayStatus, str]:
    """Write what ``arguments.format`` asks for, to the end; how that went, and what was written.

    Raises OSError, ``EngineError``, ``GuestNeeded``, ``MonitorError`` and
    ``traces.errors.DamagedTrace``.
    """
    columns = EventColumns()
    for chunk in scan(trace):
        columns.extend(chunk)
    exporter = _make(arguments.format, trace, columns, write)
    with_bar = wants_bar(arguments)
    if arguments.replay:
        changes = changes_of(arguments)
        status = _replayed(trace, exporter, columns, changes, with_bar=with_bar)
    else:
        status = _read(trace.events(), exporter, trace.event_count, with_bar=with_bar)
    if status == ReplayStatus.FAITHFUL:
        exporter.finish()
    return status, exporter.summary


def changes_of(arguments: argparse.Namespace) -> Changes:
    """The guest that ``--guest`` names, if any; raises OSError."""
    return Changes(None if arguments.guest is None else Path(arguments.guest).read_bytes())


def wants_bar(arguments: argparse.Namespace) -> bool:
    """Whether a progress bar does not stand where the export itself is shown."""
    return arguments.output != "-" or not sys.stdout.isatty()


def _make(name: str, trace: Trace, columns: EventColumns, write: Write) -> Exporter:
    times = EventTimes(columns, trace.header.recorded_at_ns)
    makers: dict[str, Callable[[], Exporter]] = {
        "pcapng": lambda: PcapngExporter(trace.header, times, write),
        "asciicast": lambda: AsciicastExporter(trace.header, times, write),
        "jsonl": lambda: JsonLinesExporter(trace.header, times, write),
        "csv": lambda: CsvExporter(trace.header, times, write),
        "perfetto": lambda: PerfettoExporter(trace.header, times, EventSpans(columns), write),
    }
    return makers[name]()


class _Watcher:
    """A sparse observer that shows an exporter the few calls that it wants to see."""

    def __init__(self, exporter: Exporter, columns: EventColumns) -> None:
        self._take = exporter.take
        self._wanted = exporter.calls
        self._ahead = _Ahead(exporter.calls, columns)

    @property
    def due(self) -> int:
        """See ``SparseObserver``."""
        return self._ahead.due

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``Observer``."""
        self._ahead.passed(index)
        if type(call).__name__ in self._wanted:
            self._take(Event(index, describe(call), result), given_bytes(call))

    def rest(self) -> Iterator[Event]:
        """What is still to be shown: nothing."""
        return iter(())


class _Reader:
    """A sparse observer that shows an exporter every event: from the trace, which is quicker, all
    but those whose bytes only the replay has."""

    def __init__(self, trace: Trace, exporter: Exporter, columns: EventColumns) -> None:
        self._take = exporter.take
        self._events = trace.events()
        self._ahead = _Ahead(_WITH_BYTES, columns)

    @property
    def due(self) -> int:
        """See ``SparseObserver``."""
        return self._ahead.due

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``Observer``."""
        self._ahead.passed(index)
        if type(call).__name__ not in _WITH_BYTES:
            return
        for event in self._events:
            if event.index == index:
                break
            self._take(event, None)
        self._take(Event(index, describe(call), result), given_bytes(call))

    def rest(self) -> Iterator[Event]:
        """What is behind the last of those, still to be shown."""
        return self._events


class _Ahead:
    """The next event that must be seen of those with some calls."""

    def __init__(self, calls: frozenset[str], columns: EventColumns) -> None:
        self._kinds = kinds_named(calls)
        self._columns = columns
        self._next = 0

    def passed(self, event: int) -> None:
        """All to ``event`` are done."""
        self._next = event + 1

    @property
    def due(self) -> int:
        """Its number; where there are no columns any more, every event is."""
        found = self._columns.next(self._kinds, self._next)
        return max(self._next, self._columns.event_count) if found is None else found


def _replayed(
    trace: Trace, exporter: Exporter, columns: EventColumns, changes: Changes, *, with_bar: bool
) -> ReplayStatus:
    few = bool(exporter.calls)
    watcher = _Watcher(exporter, columns) if few else _Reader(trace, exporter, columns)
    status = watched_replay(trace, watcher, changes, with_bar=with_bar)
    if status != ReplayStatus.FAITHFUL:
        return status
    return _read(watcher.rest(), exporter, trace.event_count, with_bar=with_bar)


class _Nothing:
    """What is interrupted where nothing runs: the loop looks for itself."""

    def interrupt(self) -> None:
        """See ``Interruptible``."""


def _read(
    events: Iterator[Event], exporter: Exporter, total: int, *, with_bar: bool
) -> ReplayStatus:
    """Show an exporter events of a trace without a replay."""
    stopper = Stopper()
    take, wanted = exporter.take, exporter.calls
    bar = progress_bar("writing", total, wanted=with_bar and total >= EVENTS_WORTH_A_BAR)
    at = 0
    with stopper.watching(_Nothing()), bar as told:
        for event in events:
            at = event.index
            if not wanted or event.call.name in wanted:
                take(event, None)
            if not at % _EVENTS_PER_BEAT:
                told(at)
            if stopper.signal_number is not None:
                break
    if stopper.signal_number is None:
        return ReplayStatus.FAITHFUL
    say(_PROGRAM, f"{stopper.reason}, at event {at}")
    return ReplayStatus.INTERRUPTED
