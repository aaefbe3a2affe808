"""Events as a table of comma-separated values (RFC 4180, lines ending with a line feed)."""

from __future__ import annotations

import csv
import io

from replay.export.event_lines import EventLines, seconds
from replay.export.exporter import Write
from replay.export.times import EventTimes
from replay.export.transfers import CONSOLE_NAME, Transfer, transfer_of
from replay.export.words import counted, one_line
from traces.events import Event
from traces.header import Header

COLUMNS = (
    *("event", "time_s", "date_s", "call", "device", "bytes_in", "bytes_out"),
    *("inputs", "result"),
)
_FORMULA = ("=", "+", "-", "@")


class CsvExporter:
    """One row an event; inputs and results as ``solo5-trace dump`` has them."""

    calls: frozenset[str] = frozenset()

    def __init__(self, header: Header, times: EventTimes, write: Write) -> None:
        """Writes the names of the columns."""
        self._times = times
        self._write = write
        self._parts = EventLines(header).parts
        self._names = {d.handle: _plain(one_line(d.name)) for d in header.boot.devices}
        self._count = 0
        self._row(COLUMNS)

    def take(self, event: Event, given: bytes | None) -> None:
        """See ``Exporter.take``."""
        self._count += 1
        parts = self._parts(event, given)
        when = self._times.since_start(event.index), self._times.date(event.index)
        moved = self._moved(transfer_of(event))
        times = (seconds(each) for each in when)
        self._row((event.index, *times, parts.name, *moved, parts.inputs, parts.result))

    def finish(self) -> None:
        """See ``Exporter.finish``."""

    @property
    def summary(self) -> str:
        """See ``Exporter.summary``."""
        return counted(self._count, "event")

    def _moved(self, moved: Transfer | None) -> tuple[object, ...]:
        if moved is None:
            return "", "", ""
        handle = moved.device
        name = CONSOLE_NAME if handle is None else self._names.get(handle, handle)
        return name, moved.bytes_in, moved.bytes_out

    def _row(self, values: tuple[object, ...]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        self._write(line.getvalue().encode("utf-8", "replace"))


def _plain(text: str) -> str:
    """A name that no spreadsheet computes."""
    return f"'{text}" if text.startswith(_FORMULA) else text
