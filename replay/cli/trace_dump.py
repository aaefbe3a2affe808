"""``solo5-trace dump``: the events of a trace, one a line, as far as they can be read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from monitors.calls import ALL_CALLS
from replay.cli.terminal import palette
from replay.cli.trace_events import EventLines, event_data, hex_rows, result_bytes
from traces.events import Event
from traces.reader import Trace

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "clock": ("WallClock", "MonotonicClock"),
    "console": ("ConsoleWrite",),
    "block": ("BlockRead", "BlockWrite"),
    "net": ("NetRead", "NetWrite"),
    "traps": ("ReadTsc", "ReadTscp", "RandomWord", "Cpuid"),
    "end": ("Halt", "Misuse"),
}
_NAMES = tuple(call.__name__ for call in ALL_CALLS)
_CHUNK_LINES = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: ``first`` to before ``end`` (None: to the last), and only calls in ``names``
    where there are any."""

    first: int = 0
    end: int | None = None
    names: frozenset[str] = frozenset()


def parse_names(text: str) -> frozenset[str]:
    """Names of calls in ``A,B``: a call's own in any spelling, or a family's; raises ValueError."""
    known = {name.lower(): (name,) for name in _NAMES} | dict(_FAMILIES)
    chosen: set[str] = set()
    for word in text.split(","):
        key = word.strip().lower().replace("-", "").replace("_", "")
        if key not in known:
            families, names = ", ".join(_FAMILIES), ", ".join(_NAMES)
            raise ValueError(f"no type {word!r}; families: {families}; calls: {names}")
        chosen.update(known[key])
    return frozenset(chosen)


def dump(trace: Trace, selection: Selection, *, hex_dump: bool, as_json: bool) -> None:
    """Print the selected events; raises ``traces.errors.DamagedTrace`` behind the last sound one.

    What was read before damage has been printed by then.
    """
    show = _json_lines if as_json else _text_lines(trace, hex_dump=hex_dump)
    lines: list[str] = []
    # A terminal or a slow reader is to see events as they are read, a file is to be written fast.
    chunk = 1 if sys.stdout.isatty() else _CHUNK_LINES
    try:
        for event in _selected(trace, selection):
            lines += show(event)
            if len(lines) >= chunk:
                _print(lines)
    finally:
        _print(lines)


def _print(lines: list[str]) -> None:
    if lines:
        text = "\n".join(lines)
        lines.clear()
        sys.stdout.write(text + "\n")


def _selected(trace: Trace, selection: Selection) -> Iterator[Event]:
    names, end = selection.names, selection.end
    for event in trace.events(selection.first):
        if end is not None and event.index >= end:
            return
        if not names or event.call.name in names:
            yield event


def _json_lines(event: Event) -> list[str]:
    return [json.dumps(event_data(event))]


def _text_lines(trace: Trace, *, hex_dump: bool) -> Callable[[Event], list[str]]:
    line = EventLines(trace.header, palette()).line
    if not hex_dump:
        return lambda event: [line(event)]
    return lambda event: [line(event), *hex_rows(result_bytes(event))]
