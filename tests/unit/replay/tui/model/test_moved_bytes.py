"""Bytes that an event moved, known or not."""

from __future__ import annotations

from replay.player.given_log import Given
from replay.tui.model.moved_bytes import SHOWN_BYTES_MAX, Moved, byte_lines, moved_by, unknown
from replay.tui.model.rows import Role, plain
from tests.unit.replay.tui.model.recorded_events import ARP, EVENTS, GIVEN


def test_bytes_that_came_stand_in_the_trace() -> None:
    assert moved_by(EVENTS[1], None) == Moved(True, len(ARP), ARP)
    assert moved_by(EVENTS[7], None) == Moved(True, 512, b"r" * 512)


def test_bytes_that_were_given_come_from_a_replay() -> None:
    before = moved_by(EVENTS[4], None)
    assert (before.is_input, before.length, before.data, before.whole) == (False, 9, b"", False)
    assert unknown(before) == f"<9 bytes, {before.why}>"
    assert before.why.startswith("crc32c ")
    assert moved_by(EVENTS[4], GIVEN[4]) == Moved(False, 9, b"x" * 9)
    cut = moved_by(EVENTS[4], Given(b"xx", 9))
    assert (cut.whole, cut.why) == (False, "more was not kept")


def test_bytes_of_another_replay_are_not_believed() -> None:
    assert not moved_by(EVENTS[4], Given(b"x", 1)).data


def test_known_blocks_are_told() -> None:
    assert unknown(moved_by(EVENTS[6], None)) == "<512 bytes, read or written before>"


def test_other_events_move_nothing() -> None:
    assert moved_by(EVENTS[0], None) == Moved(False, 0)
    assert unknown(Moved(False, 0)) == "<0 bytes>"


def test_rows_of_bytes_and_of_what_is_missing() -> None:
    rows = list(byte_lines(Moved(False, 100, b"\x1b[31m0123456789abc", "more was not kept")))
    assert [plain(row) for row in rows] == [
        "000000  1b 5b 33 31 6d 30 31 32 33 34 35 36 37 38 39 61  |.[31m0123456789a|",
        "000010  62 63                                            |bc|",
        "82 bytes more: more was not kept",
    ]
    assert rows[0][1].role is Role.OUTPUT
    assert [plain(row) for row in byte_lines(Moved(True, 7, b"", "why"))] == ["7 bytes: why"]


def test_very_many_bytes_are_not_all_shown() -> None:
    rows = list(byte_lines(Moved(True, SHOWN_BYTES_MAX + 5, bytes(SHOWN_BYTES_MAX + 5))))
    assert plain(rows[-1]) == "5 bytes more: more are not shown"
    assert len(rows) == SHOWN_BYTES_MAX // 16 + 1
