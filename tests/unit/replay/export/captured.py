"""Exporters run over traces without their program, for the tests of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from replay.export.exporter import Exporter, Write
from replay.export.times import EventTimes
from traces.columns import EventColumns, scan
from traces.header import Header
from traces.reader import Trace, open_trace

Make = Callable[[Header, EventTimes, Write], Exporter]


def columns_of(trace: Trace) -> EventColumns:
    """Those of the whole trace."""
    columns = EventColumns()
    for chunk in scan(trace):
        columns.extend(chunk)
    return columns


def times_of(trace: Trace) -> EventTimes:
    """The times of all its events."""
    return EventTimes(columns_of(trace), trace.header.recorded_at_ns)


def exported(path: Path, make: Make, given: dict[int, bytes] | None = None) -> tuple[bytes, str]:
    """What an exporter writes of the trace alone, and its summary; ``given`` by event."""
    written = bytearray()
    with open_trace(path) as trace:
        exporter = make(trace.header, times_of(trace), written.extend)
        for event in trace.events():
            if not exporter.calls or event.call.name in exporter.calls:
                exporter.take(event, (given or {}).get(event.index))
        exporter.finish()
    return bytes(written), exporter.summary
