from __future__ import annotations

import random
from pathlib import Path

import pytest

from monitors.calls.lifecycle import DONE, Misuse, MisuseKind
from replay.tui.model.event_filter import parse_query, select
from replay.tui.model.events import (
    EventLook,
    EventTable,
    day_time,
    matches_marked,
    relative_time,
)
from replay.tui.model.glyphs import ASCII
from replay.tui.model.rows import Role, Span, ToEvent, plain
from tests.unit.replay.tui.model.event_traces import (
    ARRIVED,
    DAY_NS,
    POLLED,
    PRINTED,
    READ,
    SENT,
    break_block,
    clock,
    reader_of,
    wall,
    write,
)
from traces.framing import EVENTS
from traces.reader import open_trace

S = 10**9
RUN = [POLLED, clock(S), wall(DAY_NS), PRINTED, ARRIVED, clock(3 * S + 1234), SENT, READ]


def texts(table: EventTable) -> list[str]:
    return [plain(table.line(row)) for row in range(len(table))]


def roles(table: EventTable, row: int) -> dict[str, Role]:
    return {span.text: span.role for span in table.line(row)}


def test_rows_with_relative_times(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        assert texts(EventTable(reader_of(trace))) == [
            "  #0 0.000000 Poll(timeout=0.000000005) = ready 2 service",
            "  #1 0.000000 MonotonicClock() = 1.000000000",
            "  #2 0.000000 WallClock() = 1790000000.000000000",
            "  #3 0.000000 ConsoleWrite(data=<6 bytes, crc32c 353dd8be>)",
            "  #4 0.000000 NetRead(handle=2 service, length=1514) = OK, 5 bytes: "
            "Ethernet cut off after 5 bytes",
            "  #5 2.000001 MonotonicClock() = 3.000001234",
            "  #6 2.000001 NetWrite(handle=2 service, data=<6 bytes, crc32c d2b20664>) = OK",
            "  #7 2.000001 BlockRead(handle=1 storage, offset=512, length=4) "
            "= OK, 4 bytes: 64 69 73 6b |disk|",
        ]


def test_times_of_the_day(tmp_path: Path) -> None:
    look = EventLook(wall=True)
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        rows = texts(EventTable(reader_of(trace), look))
        assert rows[0].startswith("  #0 14:13:20.000000 Poll")
        assert rows[5].startswith("  #5 14:13:22.000001 Mono")
    silent = [POLLED, clock(S), clock(2 * S)]
    with open_trace(write(tmp_path / "b.mp", silent, recorded_at_ns=DAY_NS)) as trace:
        assert texts(EventTable(reader_of(trace), look))[2].startswith("  #2 14:13:21.000000 ")
    with open_trace(write(tmp_path / "c.mp", silent)) as trace:
        assert texts(EventTable(reader_of(trace), look))[2].startswith(f"  #2 {'':15} Mono")


def test_rows_are_there_before_the_scan(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        for look, cells in ((EventLook(), 8), (EventLook(wall=True), 15)):
            table = EventTable(reader_of(trace, scanned=False), look)
            assert len(table) == 8
            assert (
                texts(table)[0] == f"  #0 {'':{cells}} Poll(timeout=0.000000005) = ready 2 service"
            )


def test_numbers_and_times_stand_in_columns(tmp_path: Path) -> None:
    run = [clock(n * S) for n in range(101)]
    with open_trace(write(tmp_path / "a.mp", run)) as trace:
        rows = texts(EventTable(reader_of(trace)))
        assert rows[7].startswith("    #7   7.000000 Mono")
        assert rows[100].startswith("  #100 100.000000 Mono")


def test_what_parts_mean(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        table = EventTable(reader_of(trace))
        assert roles(table, 3)["data=<6 bytes, crc32c 353dd8be>"] is Role.OUTPUT
        assert roles(table, 4)["OK, 5 bytes: Ethernet cut off after 5 bytes"] is Role.INPUT
        assert roles(table, 0)["Poll"] is Role.NAME
        targets = [span.target for span in table.line(5) if span.target]
        assert targets == [ToEvent(5), ToEvent(5)]


def test_marks(tmp_path: Path) -> None:
    look = EventLook(
        current=2,
        bookmarks={2, 3},
        notes={4: "odd\x1b[31m\nframe"},
        diverges=5,
    )
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        table = EventTable(reader_of(trace), look)
        rows = texts(table)
        assert [row[:2] for row in rows] == ["  ", "  ", "▶◆", " ◆", " ◆", "  ", "  ", "  "]
        assert rows[4].endswith(r"  odd\x1b[31m\nframe")
        assert rows[5].endswith("  here the replay went another way")
        assert roles(table, 2)["▶◆"] is Role.CURRENT
        assert roles(table, 3)[" ◆"] is Role.MARK
        table.look = EventLook(current=2, bookmarks={2}, glyphs=ASCII)
        assert plain(table.line(2)).startswith(">#")


def test_what_the_guest_wrote_is_never_control(tmp_path: Path) -> None:
    run = [(Misuse(MisuseKind.INVALID_POINTER, "\x1b]0;x\x07\n[bold]"), DONE)]
    with open_trace(write(tmp_path / "a.mp", run)) as trace:
        (row,) = texts(EventTable(reader_of(trace)))
        assert row.isprintable()
        assert r"\x1b]0;x\x07\n[bold]" in row


def test_filters(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN * 5)) as trace:
        reader = reader_of(trace)
        table = EventTable(reader)
        table.selection = select(reader, parse_query("call:net,console"))
        assert (len(table), table.is_whole) == (15, False)
        assert [table.event_at(row) for row in (0, 1, 2, 3, 14, 15, -1)] == [
            3,
            4,
            6,
            11,
            38,
            None,
            None,
        ]
        assert [table.row_of(event) for event in (0, 3, 5, 39, 99)] == [0, 0, 2, 14, 14]
        assert plain(table.line(3)).startswith("  #11 ")
        table.show_all()
        assert (len(table), table.is_whole) == (40, True)
        assert [table.row_of(event) for event in (0, 39, 40)] == [0, 39, 39]


def test_matches_are_marked(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        table = EventTable(reader_of(trace), EventLook(match="serv"))
        marked = [span.text for span in table.line(4) if span.role is Role.MATCH]
        assert marked == ["serv"]
        before = EventTable(reader_of(trace))
        assert texts(table) == texts(before)


@pytest.mark.parametrize(
    ("text", "match", "parts"),
    [
        ("Ab ab", "ab", ["Ab", " ", "ab"]),
        ("aaa", "aa", ["aa", "a"]),
        ("xyz", "q", ["xyz"]),
        ("", "q", [""]),
        ("xyz", "", ["xyz"]),
        ("Straße ss", "ss", ["Straße ss"]),  # folded it is longer, so that places would be wrong
    ],
)
def test_marking(text: str, match: str, parts: list[str]) -> None:
    found = matches_marked(Span(text, Role.NAME, ToEvent(1)), match)
    assert [span.text for span in found] == parts
    assert all(span.target == ToEvent(1) for span in found)


def test_damage_in_the_midst(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp", RUN * 5)
    break_block(path, 1)
    with open_trace(path) as trace:
        for scanned in (False, True):
            table = EventTable(reader_of(trace, scanned=scanned))
            rows = texts(table)
            assert len(rows) == 40
            assert all("cannot be read" in row for row in rows[10:20])
            assert not any("cannot be read" in row for row in rows[:10] + rows[20:])
            assert rows[12].lstrip().startswith("#12 ")
            assert table.line(12)[-1].role is Role.BAD


def test_damage_at_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp", RUN * 5, finished=False)
    with open_trace(path) as trace:
        ends = [head.end_bytes for head in trace.blocks() if head.tag == EVENTS]
    path.write_bytes(path.read_bytes()[: ends[2] + 9])
    with open_trace(path) as trace:
        table = EventTable(reader_of(trace))
        assert len(table) == 31
        assert plain(table.line(30)).startswith("Behind event 30 nothing can be read: ")
        assert table.event_at(30) is None
        assert table.row_of(31) == 30
        table.selection = select(reader_of(trace), parse_query("call:net"))
        assert table.event_at(len(table) - 1) is not None


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_trace_never_raises(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    path = write(tmp_path / "a.mp", RUN * 8, finished=draw.random() < 0.5)
    with open_trace(path) as trace:
        begin = trace.layout.begin_bytes
    data = bytearray(path.read_bytes())
    for _ in range(draw.randrange(1, 6)):
        data[draw.randrange(begin, len(data))] = draw.randrange(256)
    path.write_bytes(data[: draw.randrange(begin, len(data) + 1)])
    with open_trace(path) as trace:
        for scanned in (False, True):
            reader = reader_of(trace, scanned=scanned)
            table = EventTable(reader, EventLook(current=3, wall=bool(seed % 2)))
            assert all(row.isprintable() for row in texts(table))
            for query in ("call:net", "service", "call:clock 1"):
                table.selection = found = select(reader, parse_query(query))
                while not getattr(found, "done", True):
                    found.advance(7)
                texts(table)


def test_no_events(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", [])) as trace:
        table = EventTable(reader_of(trace))
        assert (len(table), table.row_of(0), table.event_at(0)) == (0, 0, None)


def test_times() -> None:
    assert relative_time(0) == "0.000000"
    assert relative_time(61 * S + 1_999) == "61.000001"
    assert day_time(DAY_NS + 86_399 * S) == "14:13:19.000000"
    assert day_time(-1) == "23:59:59.999999"
