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
