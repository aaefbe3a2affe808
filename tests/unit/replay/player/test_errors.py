from __future__ import annotations

from replay.machine.position import Position
from replay.player.errors import Divergence, StateDivergence
from traces.events import BytesDigest, CallRecord


def test_a_divergence_names_both_calls_and_the_event() -> None:
    expected = CallRecord("Poll", (("timeout_ns", 5),))
    actual = CallRecord("ConsoleWrite", (("data", BytesDigest(2, 7)),))
    error = Divergence(Position(42), expected, actual)
    assert str(error) == (
        "event 42: recorded Poll(timeout_ns=5), "
        "replayed ConsoleWrite(data=<2 bytes, crc32c 00000007>)"
    )
    assert (error.position, error.expected, error.actual) == (Position(42), expected, actual)


def test_a_divergence_behind_the_recordings_end() -> None:
    error = Divergence(Position(3), None, CallRecord("WallClock"))
    assert "recorded the end of the recording, replayed WallClock()" in str(error)


def test_a_state_divergence_names_the_event_before() -> None:
    error = StateDivergence(Position(10), "registers and memory")
    assert str(error) == "after event 9: registers and memory differ from the recorded state"
