"""A recording that is looked at while it is made."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from replay.machine.position import Position
from replay.player.given_log import GivenLog
from replay.player.survey import Survey
from replay.player.timeline import Timeline
from replay.player.verdict import Faithful, Incomplete
from tests.cli.conftest import Guest
from tests.cli.programs import PATIENCE_S, running
from traces.reader import Trace, open_trace
from traces.summary import Outcome

pytestmark = pytest.mark.slow


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline


def grown(extend: Callable[[], bool], trace: Trace) -> int:
    """Look until there are more events than now; how many there are then."""
    before = trace.event_count
    wait_until(lambda: extend() and trace.event_count > before)
    return trace.event_count


def test_a_recording_is_followed_from_within_to_its_end(guest: Guest) -> None:
    log = GivenLog()
    with running("solo5-record", guest("clocks"), "wall", "1000000000") as recorder:
        recorder.wait_for("test_clocks")
        with open_trace("clocks.mp") as trace:
            survey = Survey("clocks.mp", log, follow=True)
            counts = [trace.event_count, *(grown(trace.refresh, trace) for _ in range(3))]
            assert counts == sorted(set(counts))
            assert (trace.complete, trace.summary) == (False, None)
            assert next(trace.events(counts[-1] - 1)).index == counts[-1] - 1
            recorder.signal(signal.SIGINT)
            recorder.wait()
            wait_until(lambda: trace.refresh() and trace.complete)
            assert trace.summary is not None
            assert trace.summary.outcome is Outcome.INTERRUPTED
            with open_trace("clocks.mp") as whole:
                assert trace.event_count == whole.event_count == trace.summary.events
                assert list(trace.events(trace.event_count - 9)) == list(
                    whole.events(whole.event_count - 9)
                )
    verdict = survey.wait(PATIENCE_S)
    assert isinstance(verdict, Incomplete)
    assert (verdict.events, "operator" in verdict.why) == (trace.event_count, True)
    assert log.complete_until == trace.event_count
    assert b"test_clocks" in log.console.before(trace.event_count)


def test_a_timeline_goes_where_a_recording_has_just_been(guest: Guest) -> None:
    with running("solo5-record", guest("clocks"), "wall", "1000000000") as recorder:
        recorder.wait_for("test_clocks")
        with open_trace("clocks.mp") as trace:
            timeline = Timeline(trace)
            try:
                first = timeline.end
                timeline.seek(Position(min(first.event, 20)))
                here = timeline.position, timeline.registers()
                count = grown(timeline.extend, trace)
                assert timeline.end == Position(count) > first
                assert (timeline.position, timeline.registers()) == here
                timeline.seek(Position(first.event + 1))
                timeline.seek(here[0])
                assert timeline.registers() == here[1]
            finally:
                timeline.close()


def test_a_survey_sees_a_guest_end(guest: Guest) -> None:
    log = GivenLog()
    with running("solo5-record", guest("output"), "1") as recorder:
        recorder.wait_for("test_output")
        survey = Survey("output.mp", log, follow=True)
        assert recorder.wait() == 0
        verdict = survey.wait(PATIENCE_S)
    assert isinstance(verdict, Faithful)
    assert verdict.status == 0
    assert log.console.before(verdict.events).decode() in recorder.shown
