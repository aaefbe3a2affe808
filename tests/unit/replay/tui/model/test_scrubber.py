from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitors.calls.lifecycle import DONE, Halt
from replay.machine.position import Position
from replay.tui.model.rows import Role, ToPosition, plain
from replay.tui.model.scrubber import (
    ASCII,
    HEIGHTS,
    LEGEND,
    Axis,
    Scrubber,
    ScrubberMarks,
    short_number,
)
from tests.unit.replay.tui.model.event_traces import (
    ARRIVED,
    POLLED,
    PRINTED,
    READ,
    Crossing,
    clock,
    columns_of,
    write,
)
from traces.columns import Chunk, EventColumns, ScanMark
from traces.reader import open_trace
from traces.skimming import NO_CLOCK, NO_READINGS, Skimmed
from traces.tags import POLL

S = 10**9
WIDTHS = (1, 2, 20, 33, 80, 199, 400)


def columns_for(path: Path, run: Sequence[Crossing]) -> EventColumns:
    with open_trace(write(path / "a.mp", run)) as trace:
        return columns_of(trace)


def timed(times: Sequence[int]) -> EventColumns:
    """Polls at these times."""
    columns = EventColumns()
    packed, kinds = array("q", times).tobytes(), bytes((POLL,)) * len(times)
    skimmed = Skimmed(len(times), 0, kinds, packed, [], NO_READINGS, NO_CLOCK)
    columns.extend(Chunk(0, 0, skimmed, ScanMark(len(times))))
    return columns


def rows(scrubber: Scrubber, height: int = 4, marks: ScrubberMarks | None = None) -> list[str]:
    return [plain(line) for line in scrubber.lines(height, marks or ScrubberMarks())]


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("count", [0, 1, 2, 19, 20, 21, 79, 500])
def test_every_row_is_as_wide_as_the_bar(axis: Axis, count: int) -> None:
    columns = timed([n * n for n in range(count)])
    marks = ScrubberMarks(Position(count // 2, 5), [Position(0)], [Position(count)], (), 1)
    for width in WIDTHS:
        for known in (columns, EventColumns()):
            scrubber = Scrubber(known, count, width, axis)
            for height in HEIGHTS:
                assert [len(row) for row in rows(scrubber, height, marks)] == [width] * height
                for line in scrubber.lines(height, marks):
                    assert all(span.target or not span.text.strip() for span in line)


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 79, 500, 5_000_000])
def test_cells_and_events_lead_to_each_other(count: int) -> None:
    draw = random.Random(count)
    for width in WIDTHS:
        scrubber = Scrubber(EventColumns(), count, width)
        if count >= width:
            for cell in range(width):
                assert scrubber.cell(scrubber.position(cell)) == cell
        else:
            for event in range(count):
                assert scrubber.position(scrubber.cell(Position(event))) == Position(event)
        events = sorted(draw.randrange(count + 1) for _ in range(100))
        cells = [scrubber.cell(Position(event)) for event in events]
        assert cells == sorted(cells)
        assert scrubber.cell(Position(0)) == 0
        assert scrubber.cell(Position(count)) == width - 1
        assert scrubber.cell(Position(count + 5)) == width - 1
        assert scrubber.position(-3) == Position(0)
        assert scrubber.position(width + 3).event < count


def test_cells_and_times_lead_to_each_other() -> None:
    columns = timed([0, 0, 10, 500, 501, 502, 999])
    scrubber = Scrubber(columns, 7, 10, Axis.TIME)
    assert [scrubber.cell(Position(n)) for n in range(8)] == [0, 0, 0, 5, 5, 5, 9, 9]
    assert [scrubber.position(cell).event for cell in range(10)] == [0, 3, 3, 3, 3, 3, 6, 6, 6, 6]


def test_what_is_not_scanned_is_unknown() -> None:
    columns = timed([n * 1000 for n in range(50)])
    scrubber = Scrubber(columns, 100, 20)
    signs = rows(scrubber, 2)[0]
    assert signs == "▄" * 10 + "┄" * 10
    assert rows(Scrubber(EventColumns(), 100, 20), 2)[0] == "┄" * 20
    assert Scrubber(columns, 100, 20, Axis.TIME).cell(Position(70)) == 19


def test_how_much_happens_by_time() -> None:
    times = [0] + [150] * 100 + [350] * 25 + [550] + [999]
    signs = rows(Scrubber(timed(times), len(times), 10, Axis.TIME), 2)[0]
    assert signs == "▁█ ▄ ▁   ▁"


def test_how_fast_events_follow_by_events() -> None:
    fast = list(range(100))
    slow = [100 + n * 1000 for n in range(100)]
    signs = rows(Scrubber(timed(fast + slow), 200, 20), 2)[0]
    assert signs[:10] == "█" * 10
    assert set(signs[10:]) == {"▁"}


def test_a_run_without_clocks_is_shown_by_events(tmp_path: Path) -> None:
    columns = columns_for(tmp_path, [POLLED] * 30)
    scrubber = Scrubber(columns, 30, 20, Axis.TIME)
    assert scrubber.axis is Axis.EVENTS
    assert rows(scrubber, 2)[0] == "▄" * 20


def test_what_happens(tmp_path: Path) -> None:
    run = [POLLED] * 11 + [ARRIVED, POLLED, POLLED, POLLED, POLLED] * 2
    run += [PRINTED] * 10 + [READ, clock(5)] * 5 + [clock(5)] * 10 + [(Halt(0), DONE)]
    columns = columns_for(tmp_path, run)
    scrubber = Scrubber(columns, 52, 5)
    letters = rows(scrubber)[1]
    assert letters == "pNCBE"
    line = scrubber.lines(4)[1]
    assert [span.role for span in line][:2] == [Role.DIM, Role.INPUT]
    assert all(f"{letter} " in LEGEND for letter in letters)


def test_nothing_happens_in_an_idle_time(tmp_path: Path) -> None:
    columns = columns_for(tmp_path, [clock(0), ARRIVED, clock(999), ARRIVED])
    scrubber = Scrubber(columns, 4, 10, Axis.TIME)
    assert rows(scrubber)[1] == "N        N"


def test_marks_lie_over_each_other() -> None:
    scrubber = Scrubber(EventColumns(), 100, 10)
    at = [Position(n * 10) for n in range(10)]
    marks = ScrubberMarks(at[5], at, at[4:7], at[3:6], 60, Position(95))
    line = scrubber.lines(2, marks)[1]
    assert plain(line) == "···¶◆▲✗··┤"
    assert line[5].role is Role.CURRENT
    assert line[6].target == ToPosition(Position(60))
    assert scrubber.lines(2, marks)[0][5].role is Role.CURRENT
    exact = ScrubberMarks(bookmarks=[Position(33, 7)])
    assert scrubber.lines(2, exact)[1][3].target == ToPosition(Position(33, 7))
    assert scrubber.lines(2)[1][3].target == ToPosition(Position(30))


def test_labels() -> None:
    assert rows(Scrubber(EventColumns(), 5_000_000, 60), 3)[-1] == (
        "╵0              ╵1.33M          ╵2.67M            5M events╵"
    )
    hour = timed([0, 3600 * S])
    assert rows(Scrubber(hour, 2, 40, Axis.TIME), 3)[-1] == (
        "╵0:00:00        ╵0:24:00        1:00:00╵"
    )
    for end_ns, label in (
        (900, "900 ns"),
        (90_000, "90.0 µs"),
        (90_000_000, "90 ms"),
        (90 * S, "90.0 s"),
    ):
        assert rows(Scrubber(timed([0, end_ns]), 2, 20, Axis.TIME), 3)[-1].endswith(f"{label}╵")


def test_plain_signs() -> None:
    columns = timed([n * n for n in range(100)])
    marks = ScrubberMarks(Position(5), [Position(10)], [Position(20)], [Position(30)], 40)
    for row in rows(Scrubber(columns, 150, 30, glyphs=ASCII), 4, marks):
        assert row.isascii()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1234, "1.23k"),
        (12_345, "12.3k"),
        (99_960, "100k"),
        (999_600, "1M"),
        (2**63, "9.22E"),
    ],
)
def test_short_numbers(number: int, text: str) -> None:
    assert short_number(number) == text


@pytest.mark.slow
def test_five_million_events() -> None:
    columns = timed(range(0, 5_000_000 * 7, 7))
    for axis in Axis:
        scrubber = Scrubber(columns, 5_000_000, 400, axis)
        assert [len(row) for row in rows(scrubber)] == [400] * 4
        middle = scrubber.position(200)
        assert middle.event == 2_500_000
        assert scrubber.cell(middle) == 200
