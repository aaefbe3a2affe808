from __future__ import annotations

from replay.player.console_log import ConsoleLog


def test_the_text_as_of_an_event() -> None:
    log = ConsoleLog()
    assert log.note(3, b"one ")
    assert log.note(7, b"two ")
    assert [log.before(event) for event in (0, 3, 4, 7, 8, 99)] == [
        *(b"", b"", b"one ", b"one "),
        *(b"one two ", b"one two "),
    ]


def test_an_event_that_comes_again_prints_nothing_new() -> None:
    log = ConsoleLog()
    assert log.note(3, b"one ")
    assert log.note(7, b"two ")
    assert not log.note(3, b"one ")
    assert not log.note(7, b"two ")
    assert log.before(8) == b"one two "


def test_the_entries_before_an_event() -> None:
    log = ConsoleLog()
    log.note(3, b"one")
    log.note(7, b"two")
    assert list(log.entries(7)) == [(3, b"one")]
    assert list(log.entries(8)) == [(3, b"one"), (7, b"two")]


def test_places_and_events() -> None:
    log = ConsoleLog()
    log.add((3, 4, 9), (2, 0, 4), b"ab\ncde")
    assert log.size == 6
    assert [log.event_at(offset) for offset in range(6)] == [3, 3, 9, 9, 9, 9]
    assert [log.size_before(event) for event in (0, 3, 4, 9, 10)] == [0, 0, 2, 2, 6]
    assert log.text(1, 4) == b"b\nc"
    assert (log.find(b"c", 0, 6), log.find(b"c", 5, 6)) == (3, -1)
    assert (log.find_last(b"b", 0, 6), log.find_last(b"b", 0, 1)) == (1, -1)


def test_what_is_not_wholly_there_is_not_there() -> None:
    log = ConsoleLog()
    assert (log.size, log.before(9), list(log.entries(9))) == (0, b"", [])
