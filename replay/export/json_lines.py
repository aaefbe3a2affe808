"""A run as JSON lines (jsonlines.org): a header, then one event a line."""

from __future__ import annotations

import json
from typing import Any

from replay.export.event_lines import event_data
from replay.export.exporter import Write
from replay.export.times import EventTimes
from replay.export.words import counted
from traces.events import Event
from traces.header import Header, header_to_map

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_EXACT_BELOW = 1 << 53
"""What every reader of JSON gets exactly: from here on many have floating-point numbers."""


class JsonLinesExporter:
    """Numbers from 2^53 on as decimal text, bytes as hexadecimal text."""

    calls: frozenset[str] = frozenset()

    def __init__(self, header: Header, times: EventTimes, write: Write) -> None:
        """Writes the header."""
        self._times = times
        self._write = write
        self._count = 0
        about = {"format": "solo5-replay events", "version": 1, "trace": header_to_map(header)}
        self._line({**about, "date_from": times.origin.value})

    def take(self, event: Event, given: bytes | None) -> None:
        """See ``Exporter.take``."""
        self._count += 1
        when = {"time_ns": self._times.since_start(event.index)}
        self._line({**when, "date_ns": self._times.date(event.index), **event_data(event, given)})

    def finish(self) -> None:
        """See ``Exporter.finish``."""

    @property
    def summary(self) -> str:
        """See ``Exporter.summary``."""
        return counted(self._count, "event")

    def _line(self, value: object) -> None:
        self._write(_ENCODE(_portable(value)).encode() + b"\n")


def _portable(value: Any) -> object:
    """The same without what JSON or its readers do not have."""
    match value:
        case bool() | str() | None:
            return value
        case int():
            return value if abs(value) < _EXACT_BELOW else str(value)
        case bytes():
            return value.hex()
        case dict():
            return {key: _portable(each) for key, each in value.items()}
        case list() | tuple():
            return [_portable(each) for each in value]
    return str(value)
