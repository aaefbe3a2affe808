"""What shows a whole trace, alone: `python -m bench.run_tui TRACE`. Prints what it took, as JSON.

Everything is asked for as the screen does it: in one thread, while another scans or searches.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

_STARTED = time.perf_counter()

from replay.export.event_lines import EventLines  # noqa: E402
from replay.machine.position import Position  # noqa: E402
from replay.tui.model.event_filter import (  # noqa: E402
    EventSearch,
    Selection,
    TextFilter,
    parse_query,
    select,
)
from replay.tui.model.event_reader import EventReader  # noqa: E402
from replay.tui.model.events import EventTable  # noqa: E402
from replay.tui.model.scrubber import Axis, Scrubber, ScrubberMarks  # noqa: E402
from traces.columns import EventColumns, scan  # noqa: E402
from traces.reader import Trace, open_trace  # noqa: E402

_ROWS = 60
_FRAMES = 400
_SLICE_EVENTS = 1000
_SLICES = 300
_REFRESH_S = 1 / 60
_KINDS = ("call:console", "call:net_read", "call:block,console", "call:clock,poll", "call:halt")
_TEXTS = ("call:net_read 10.0.0.7", "=2 service", "nothing like it")
_WIDTHS = (80, 200, 400)


@dataclass(slots=True)
class Times:
    """How long each of many turns took, in seconds: of the thread's processor time, or by a clock
    where two threads get in each other's way."""

    clock: Callable[[], float] = time.thread_time
    turns: list[float] = field(default_factory=list)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Measure one turn more."""
        started = self.clock()
        yield
        self.turns.append(self.clock() - started)

    def near_all(self) -> float:
        """What 99 of 100 turns do not take longer than."""
        return sorted(self.turns)[len(self.turns) * 99 // 100]


@dataclass(slots=True)
class Took:
    """Seconds, bytes and counts; ``values`` of turns: the median, 99 of 100, the longest, and how
    many there were."""

    open_s: float = 0.0
    scan_s: float = 0.0
    values: dict[str, tuple[float, float, float, int]] = field(default_factory=dict)
    events: int = 0
    columns_bytes: int = 0
    added_bytes: int = 0
    searched_per_s: float = 0.0

    def note(self, name: str, times: Times) -> None:
        """What the turns of one thing took."""
        turns = times.turns
        self.values[name] = (median(turns), times.near_all(), max(turns), len(turns))


def _frame(table: EventTable, row: int) -> None:
    for each in range(row, min(row + _ROWS, len(table))):
        table.line(each)


def _meanwhile(job: Callable[[], object], times: Times, draw: Callable[[], None]) -> float:
    """Draw on, as often as screens do, while a thread does something; how long that took."""
    thread = threading.Thread(target=job)
    started = time.perf_counter()
    thread.start()
    while True:
        with times.turn():
            draw()
        if not thread.is_alive():
            break
        time.sleep(_REFRESH_S)
    return time.perf_counter() - started


def _scan(trace: Trace, columns: EventColumns) -> None:
    for chunk in scan(trace, columns.mark):
        columns.extend(chunk)


def _look_around(table: EventTable, took: Took) -> None:
    anywhere = random.Random(3)
    jumps, lines = Times(), Times()
    for _ in range(_FRAMES):
        row = anywhere.randrange(len(table))
        with jumps.turn():
            _frame(table, row)
    row = len(table) // 3
    for step in range(_FRAMES):
        with lines.turn():
            _frame(table, row + step)
    took.note("jump", jumps)
    took.note("scroll", lines)


def _filter_kinds(reader: EventReader, table: EventTable, took: Took) -> None:
    times = Times()
    for text in _KINDS * 4:
        with times.turn():
            table.selection = select(reader, parse_query(text))
            _frame(table, table.row_of(took.events // 2))
    table.show_all()
    took.note("kinds", times)


def _filter_texts(reader: EventReader, table: EventTable, took: Took) -> None:
    """Slices alone, and frames while another thread filters."""
    slices, frames = Times(), Times(time.perf_counter)
    anywhere = random.Random(4)
    searched, spent_s = 0, 0.0
    for text in _TEXTS:
        found = _text_filter(reader, text)
        before = len(slices.turns)
        for _ in range(_SLICES):
            with slices.turn():
                found.advance(_SLICE_EVENTS)
        searched += _SLICE_EVENTS * _SLICES
        spent_s += sum(slices.turns[before:])
        going = _text_filter(reader, text)
        _meanwhile(
            lambda going=going: [going.advance(_SLICE_EVENTS) for _ in range(_SLICES)],
            frames,
            lambda: _frame(table, anywhere.randrange(len(table))),
        )
    took.searched_per_s = searched / spent_s
    took.note("slice", slices)
    took.note("frame while filtering", frames)


def _text_filter(reader: EventReader, text: str) -> TextFilter:
    selection: Selection = select(reader, parse_query(text))
    assert isinstance(selection, TextFilter)
    return selection


def _search(reader: EventReader, took: Took) -> None:
    times = Times()
    for forward in (True, False):
        for text in ("call:console bytes", "nothing like it"):
            search = EventSearch(reader, parse_query(text), took.events // 2, forward=forward)
            for _ in range(_SLICES // 4):
                with times.turn():
                    search.advance(_SLICE_EVENTS)
    took.note("search", times)


def _scrubbers(columns: EventColumns, took: Took) -> None:
    first, again = Times(), Times()
    checkpoints = [Position(n * took.events // 500) for n in range(500)]
    for width in _WIDTHS:
        for axis in Axis:
            bar = None
            with first.turn():
                bar = Scrubber(columns, took.events, width, axis)
                bar.lines(4)
            with again.turn():
                bar.lines(4, ScrubberMarks(Position(took.events // 2), checkpoints))
    took.note("scrubber", first)
    took.note("scrubber again", again)


def _resident_bytes() -> int:
    """Of this process (proc(5), statm, the second number), in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def main() -> None:
    """Measure everything that a screen does with the trace of the command line."""
    took = Took()
    empty_bytes = _resident_bytes()
    with open_trace(sys.argv[1]) as trace:
        columns = EventColumns()
        reader = EventReader(trace, columns, EventLines(trace.header))
        table = EventTable(reader)
        _frame(table, 0)
        took.open_s = time.perf_counter() - _STARTED
        took.events = trace.event_count
        frames = Times(time.perf_counter)
        anywhere = random.Random(2)
        took.scan_s = _meanwhile(
            lambda: _scan(trace, columns),
            frames,
            lambda: _frame(table, anywhere.randrange(len(table))),
        )
        took.note("frame while scanning", frames)
        _look_around(table, took)
        _filter_kinds(reader, table, took)
        _filter_texts(reader, table, took)
        _search(reader, took)
        _scrubbers(columns, took)
        took.columns_bytes = columns.size_bytes
        took.added_bytes = _resident_bytes() - empty_bytes
    print(json.dumps(asdict(took)))


if __name__ == "__main__":
    main()
