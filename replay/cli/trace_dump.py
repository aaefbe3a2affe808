"""``solo5-trace dump``: the events of a trace, one a line, as far as they can be read."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from replay.cli.terminal import palette
from replay.export.event_lines import EventLines, byte_rows, event_data
from traces.events import Event
from traces.header import Header
from traces.reader import Trace

_CHUNK_LINES = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: ``first`` to before ``end`` (None: to the last), and only calls in ``names``
    where there are any."""

    first: int = 0
    end: int | None = None
    names: frozenset[str] = frozenset()

    def wants(self, call: str) -> bool:
        """Whether calls of this name are shown."""
        return not self.names or call in self.names


class EventPrinter:
    """Prints events in one of the forms of ``solo5-trace dump``. ``flush`` it at the end."""

    def __init__(self, header: Header, *, hex_dump: bool, as_json: bool) -> None:
        self._parts = EventLines(header).parts
        self._palette = palette()
        self._show = _json_lines if as_json else self._rows if hex_dump else self._one_line
        self._lines: list[str] = []
        # A terminal or a slow reader is to see events as they come, a file is to be written fast.
        self._chunk_lines = 1 if sys.stdout.isatty() else _CHUNK_LINES

    def show(self, event: Event, given: bytes | None = None) -> None:
        """Print one event; ``given`` are the bytes in its call, where they are known."""
        self._lines += self._show(event, given)
        if len(self._lines) >= self._chunk_lines:
            self.flush()

    def flush(self) -> None:
        """Print what is held back."""
        if self._lines:
            text = "\n".join(self._lines)
            self._lines.clear()
            sys.stdout.write(text + "\n")

    def _one_line(self, event: Event, given: bytes | None) -> list[str]:
        parts, paint = self._parts(event, given), self._palette.paint
        number = paint(self._palette.number, parts.number)
        return [str(parts._replace(number=number, name=paint(self._palette.name, parts.name)))]

    def _rows(self, event: Event, given: bytes | None) -> list[str]:
        return [*self._one_line(event, given), *byte_rows(event, given)]


def dump(trace: Trace, selection: Selection, printer: EventPrinter) -> None:
    """Print the selected events; raises ``traces.errors.DamagedTrace`` behind the last sound one.

    What was read before damage has been printed by then.
    """
    try:
        for event in trace.events(selection.first):
            if selection.end is not None and event.index >= selection.end:
                return
            if selection.wants(event.call.name):
                printer.show(event)
    finally:
        printer.flush()


def _json_lines(event: Event, given: bytes | None) -> list[str]:
    return [json.dumps(event_data(event, given))]
