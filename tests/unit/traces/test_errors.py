from __future__ import annotations

from traces.errors import BadEvent, Corrupt, LimitExceeded, NotATrace, TraceError


def test_message_says_where_what_and_what_next() -> None:
    error = Corrupt("the block is bad", path="a.mp", offset_bytes=7, hint="do this")
    assert str(error) == "a.mp: the block is bad (at byte 7); do this"
    assert (error.what, error.path, error.offset_bytes) == ("the block is bad", "a.mp", 7)


def test_place_is_left_out_where_it_is_unknown() -> None:
    assert str(NotATrace("is empty")) == "is empty"


def test_locate_adds_a_missing_name_only() -> None:
    error = TraceError("x")
    error.locate("a.mp")
    error.locate("b.mp")
    assert error.path == "a.mp"


def test_limit_tells_both_numbers() -> None:
    error = LimitExceeded("bytes of the header", limit=10, actual=11)
    assert (error.limit, error.actual) == (10, 11)
    assert "11 is beyond the limit of 10" in str(error)


def test_events_are_named_by_their_number() -> None:
    error = BadEvent("is bad", index=3)
    assert str(error).startswith("event 3: is bad")
    assert str(BadEvent("is bad")).startswith("event: is bad")
