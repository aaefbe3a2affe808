from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from replay.cli.divergence import call_stack, divergence_report
from replay.machine.position import Position
from replay.player.errors import Divergence, StateDivergence
from replay.player.session import Changes, ReplaySession
from tests.unit.replay.recordings import Recorder, new_engine
from traces.reader import open_trace

WORDS = ["solo5-replay", "a b.mp", "--args", "two"]


@contextmanager
def diverged(
    recorder: Recorder, program: str, recorded: str, replayed: bytes
) -> Iterator[tuple[ReplaySession, Divergence, bytes]]:
    """A replay with another argument, where it parts from its recording."""
    console = bytearray()
    with open_trace(recorder.record(program, recorded).path) as trace:
        session = ReplaySession(
            trace, new_engine(), changes=Changes(None, replayed), console=console.extend
        )
        with pytest.raises(Divergence) as caught:
            session.run()
        yield session, caught.value, bytes(console)
        session.close()


def test_everything_that_is_known(recorder: Recorder) -> None:
    with diverged(recorder, "hello", "one", b"two") as (session, error, console):
        lines = divergence_report(error, session, console, WORDS).splitlines()
    event = error.position.event
    assert lines[0] == f"the replay diverges from the recording at event {event}"
    assert lines[1] == f"  recorded  {error.expected}"
    assert lines[2] == f"  replayed  {error.actual}"
    assert lines[3] == "            b\"Command line is: 'two'\\n\""
    places = [line for line in lines if re.match(r"  (at|by)        0x[0-9a-f]+ \w+\+", line)]
    assert any(re.search(r" solo5_app_main\+0x\w+ at main\.c:\d+$", place) for place in places)
    assert [line for line in lines if line.startswith("  console   ")][-1] == (
        "  console   **** Solo5 standalone test_hello ****"
    )
    assert lines[-1] == f"  solo5-replay 'a b.mp' --args two --until {event}"


def test_no_more_than_the_last_lines_of_the_console(recorder: Recorder) -> None:
    with diverged(recorder, "hello", "one", b"two") as (session, error, _):
        console = "".join(f"line {number}\n\n" for number in range(100)).encode()
        report = divergence_report(error, session, console, WORDS)
    shown = [line for line in report.splitlines() if line.startswith("  console")]
    assert shown == [f"  console   line {number}" for number in range(95, 100)]


def test_nothing_untrusted_reaches_the_terminal(recorder: Recorder) -> None:
    with diverged(recorder, "hello", "one", b"\x1b[2J") as (session, error, _):
        report = divergence_report(error, session, b"\x1b]0;title\x07\n\xff", WORDS)
    assert "\x1b" not in report
    assert "\\x1b]0;title\\x07" in report


def test_long_outputs_are_cut(recorder: Recorder) -> None:
    with diverged(recorder, "hello", "one", b"x" * 500) as (session, error, console):
        report = divergence_report(error, session, console, WORDS)
    assert "'" + "x" * 42 + '"…\n' in report


def test_a_call_behind_the_recordings_end(recorder: Recorder) -> None:
    """What a recording that claims to end early gives."""
    with diverged(recorder, "hello", "one", b"two") as (session, error, console):
        beyond = Divergence(error.position, None, error.actual)
        report = divergence_report(beyond, session, console, WORDS)
    assert "  recorded  (the recording had ended)\n" in report


def test_a_state_divergence_is_approached_from_before(recorder: Recorder) -> None:
    """Behind the crossing it would be found again, and nobody could look."""
    recording = recorder.record("hello")
    with open_trace(recording.path) as trace:
        session = ReplaySession(trace, new_engine())
        session.run(Position(5))
        session.machine.ram.view[4 << 20] = 1
        with pytest.raises(StateDivergence) as caught:
            session.run()
        report = divergence_report(caught.value, session, b"", ["solo5-replay", "a.mp"])
        session.close()
    last = recording.recorded.events - 1
    assert report.startswith(
        f"the replay diverges from the recording: after event {last}: memory differ"
    )
    assert report.endswith(f"\n  solo5-replay a.mp --until {last}")
    assert "  at        0x" in report


def test_the_call_stack_of_any_place(recorder: Recorder) -> None:
    with open_trace(recorder.record("hello").path) as trace:
        session = ReplaySession(trace, new_engine())
        assert [place.function for place in call_stack(session)] == ["_start"]
        session.close()
