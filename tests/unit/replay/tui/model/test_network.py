"""Frames of both directions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay.machine.position import Position
from replay.player.given_log import Given
from replay.tui.model.event_lists import EventList
from replay.tui.model.glyphs import ASCII
from replay.tui.model.network import device_names, frame_detail, frame_table
from replay.tui.model.rows import Role, ToEvent, plain
from tests.unit.replay.tui.model.recorded_events import (
    EVENTS,
    FRAMES,
    GIVEN,
    HEADER,
    Recorded,
)

NAMES = device_names(HEADER)


def test_rows_of_frames() -> None:
    recorded = Recorded()
    table = frame_table(EventList(FRAMES), recorded.source, NAMES, ASCII)
    table.here = Position(2)
    received, sent, refused = (plain(table.line(row)) for row in range(3))
    assert received.startswith("         1     0.001000 -> in  net\\x1b")
    assert received.endswith("42 ARP who has 10.0.0.2? tell 10.0.0.1")
    assert sent.startswith(">        2     0.002000 <- out ")
    assert "80 <80 bytes, crc32c " in sent
    assert "<- out 9             9 refused <9 bytes, crc32c" in refused
    assert table.line(0)[-1].target == ToEvent(1)
    assert table.line(2)[-2].role is Role.BAD
    recorded.given.update(GIVEN)
    assert "Ethernet" in plain(table.line(1))


def test_one_frame_in_layers_and_bytes() -> None:
    rows = frame_detail(EVENTS[1], None, NAMES)
    texts = [plain(rows.line(row)) for row in range(len(rows))]
    assert texts[0] == "event 1 42 bytes received from net\\x1b "
    assert texts[1].startswith("Ethernet 02:00:00:00:00:01 > ff:ff")
    assert texts[2].startswith("  ARP who has")
    assert texts[3].startswith("000000  ff ff")
    assert len(texts) == 6


def test_one_that_was_sent_and_is_not_known() -> None:
    rows = frame_detail(EVENTS[2], None, NAMES)
    texts = [plain(rows.line(row)) for row in range(len(rows))]
    assert texts[0].startswith("event 2 80 bytes sent to")
    assert texts[1].startswith("80 bytes: crc32c")
    refused = frame_detail(EVENTS[4], GIVEN[4], NAMES)
    assert "refused" in plain(refused.line(0))


def test_a_read_that_found_none() -> None:
    table = frame_table(EventList((3,)), Recorded().source, NAMES, ASCII)
    assert plain(table.line(0)).endswith("0 nothing to read no frame")


@given(st.binary(min_size=80, max_size=80))
def test_frames_are_never_control(data: bytes) -> None:
    recorded = Recorded()
    recorded.given[2] = Given(data, 80)
    table = frame_table(EventList(FRAMES), recorded.source, NAMES)
    detail = frame_detail(EVENTS[2], Given(data, 80), NAMES)
    for line in (table.line(1), *(detail.line(row) for row in range(len(detail)))):
        assert plain(line).isprintable()
