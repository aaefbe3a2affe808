"""What the guest gave, in bounded memory."""

from __future__ import annotations

from replay.player.given_log import Chunk, Given, GivenLog


def chunk(*items: tuple[int, int, bytes]) -> Chunk:
    events, lengths, data = zip(*items, strict=True)
    return Chunk(events, lengths, [len(each) for each in data], b"".join(data))


def test_what_an_event_gave_is_found() -> None:
    log = GivenLog()
    log.add_given(chunk((3, 2, b"ab"), (9, 1500, b"cde")))
    log.add_given(chunk((12, 0, b""), (13, 1, b"f")))
    assert log.given(3) == Given(b"ab", 2)
    assert log.given(9) == Given(b"cde", 1500)
    assert log.given(12) == Given(b"", 0)
    assert log.given(13) == Given(b"f", 1)
    assert [log.given(event) for event in (0, 4, 10, 14)] == [None] * 4
    log.add_given(Chunk((), (), (), b""))
    assert log.given(99) is None


def test_whole_says_whether_all_is_there() -> None:
    assert Given(b"ab", 2).whole
    assert not Given(b"ab", 3).whole


def test_the_oldest_are_dropped_where_there_is_too_much() -> None:
    log = GivenLog(given_max=3000)
    for event in range(0, 100, 2):
        log.add_given(chunk((event, 1000, bytes(400)), (event + 1, 400, bytes(400))))
    assert log.given_left_out == 94
    assert log.given(93) is None
    assert log.given(99) == Given(bytes(400), 400)


def test_more_than_fits_at_once_is_dropped_too() -> None:
    log = GivenLog(given_max=10)
    log.add_given(chunk((1, 100, bytes(100))))
    assert (log.given(1), log.given_left_out) == (None, 1)
    log.add_given(chunk((2, 100, bytes(100))))
    assert (log.given(2), log.given_left_out) == (None, 2)


def test_the_console_is_kept_from_its_start() -> None:
    log = GivenLog(console_max=10)
    log.add_console(chunk((1, 4, b"one\n"), (5, 4, b"two\n")))
    log.add_console(chunk((7, 6, b"three\n")))
    log.add_console(chunk((8, 1, b"!")))
    assert log.console.before(100) == b"one\ntwo\n"
    assert log.console_left_out == 7


def test_very_long_writes_are_counted_where_they_are_cut() -> None:
    log = GivenLog()
    log.add_console(chunk((1, 1 << 30, b"beginning")))
    assert (log.console.size, log.console_left_out) == (9, (1 << 30) - 9)
