"""Requests to block devices."""

from __future__ import annotations

from replay.machine.position import Position
from replay.tui.model.blocks import block_detail, block_names, block_table, sectors_of
from replay.tui.model.event_lists import EventList
from replay.tui.model.glyphs import ASCII
from replay.tui.model.rows import Role, plain
from tests.unit.replay.tui.model.recorded_events import BLOCKS, EVENTS, GIVEN, HEADER, Recorded

NAMES = block_names(HEADER)


def test_rows_of_requests() -> None:
    recorded = Recorded()
    table = block_table(EventList(BLOCKS), recorded.source, NAMES, ASCII)
    table.here = Position(99)
    texts = [plain(table.line(row))[24:].split(maxsplit=2) for row in range(len(table))]
    assert texts[0][:2] == ["write", "storage"]
    assert texts[0][2].startswith("sectors 2-3          OK <1,024 bytes, crc32c ")
    assert texts[1] == [
        "read",
        "storage",
        "sector 2             OK <512 bytes, read or written before>",
    ]
    assert texts[2][2] == "sector 0             OK 72 72 72 72 72 72 72 72 72 72 72 72…"
    assert texts[3][2].startswith("100 bytes at 7       refused <100 bytes")
    assert texts[4] == ["read", "7", "512 bytes at 0       failed "]
    assert table.line(3)[6].role is Role.BAD
    recorded.given.update(GIVEN)
    assert plain(table.line(0)).endswith("OK 77 77 77 77 77 77 77 77 77 77 77 77…")


def test_places_of_other_events() -> None:
    assert sectors_of(EVENTS[0], NAMES) == ""


def texts_of(event: int) -> list[str]:
    rows = block_detail(EVENTS[event], GIVEN.get(event), NAMES)
    return [plain(rows.line(row)) for row in range(len(rows))]


def test_one_request_with_its_bytes() -> None:
    assert texts_of(5)[0] == "event 5 sectors 2-3 written to storage "
    assert len(texts_of(5)) == 1 + 1024 // 16
    assert texts_of(7)[1].endswith("|rrrrrrrrrrrrrrrr|")
    assert texts_of(8)[0].endswith("refused")


def test_bytes_that_are_known_from_before() -> None:
    first, note = texts_of(6)
    assert first == "event 6 sector 2 read from storage "
    assert "once only" in note
