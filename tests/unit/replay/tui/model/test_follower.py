from __future__ import annotations

from dataclasses import replace

import pytest

from replay.tui.model.follower import Follower, Recorder, Sighting, Speed
from replay.tui.model.rows import plain
from traces.summary import Outcome, Summary

BEGUN = Sighting(100, written=True)
EXITED = Sighting(500, written=False, complete=True, summary=Summary(Outcome.HALTED))


def follower(first: Sighting = BEGUN, *, following: bool = True) -> Follower:
    found = Follower(first, following=following)
    found.look(0.0, first)
    return found


def test_a_recording_is_followed_to_its_end() -> None:
    seen = follower()
    assert (seen.recorder, seen.following, seen.may_follow) == (Recorder.AT_WORK, True, True)
    assert seen.look(0.5, Sighting(600, written=True))
    assert not seen.look(1.0, Sighting(600, written=True))
    assert plain(seen.title()) == "● recording 500 events/s · following"
    assert not seen.rest()
    assert seen.look(1.5, EXITED)
    assert seen.rest()
    assert not seen.rest()
    assert (seen.recorder, seen.following, seen.may_follow) == (Recorder.DONE, False, False)
    assert plain(seen.title()) == "finished: the guest exited with status 0"


def test_it_can_be_paused_and_followed_again() -> None:
    seen = follower()
    assert seen.pause()
    assert not seen.pause()
    seen.stands(0.0, 40)
    assert plain(seen.title()) == "● recording 0 events/s · paused"
    assert seen.standing() == ""
    assert seen.states()["paused"] == "60 events behind; Space follows"
    seen.follow()
    assert seen.following
    assert seen.standing() == "following"


def test_a_recorder_that_was_killed() -> None:
    seen = follower()
    assert seen.look(1.0, replace(BEGUN, written=False))
    assert (seen.recorder, seen.may_follow) == (Recorder.GONE, False)
    assert plain(seen.title()) == "incomplete: the recorder was killed"
    seen.rest()
    assert not seen.following
    assert not seen.look(2.0, replace(BEGUN, written=False))


def test_what_was_written_last_comes_with_the_news_that_the_recorder_has_gone() -> None:
    seen = follower()
    assert seen.look(1.0, Sighting(200, written=False))
    assert seen.recorder is Recorder.AT_WORK
    assert seen.look(2.0, Sighting(200, written=False))
    assert seen.recorder is Recorder.GONE
    seen.look(3.0, Sighting(300, written=False))
    assert (seen.recorder, seen.may_follow) == (Recorder.UNKNOWN, True)
    seen = follower()
    seen.look(1.0, EXITED)
    assert seen.recorder is Recorder.DONE


def test_where_locks_are_not_seen() -> None:
    seen = follower(Sighting(5, written=False))
    assert (seen.recorder, seen.following) == (Recorder.UNKNOWN, True)
    assert "nobody is seen writing it" in plain(seen.title())
    assert not seen.look(1.0, Sighting(5, written=False))
    assert seen.look(2.0, Sighting(6, written=False))
    assert seen.recorder is Recorder.UNKNOWN


def test_a_complete_trace_is_not_followed() -> None:
    seen = follower(EXITED)
    assert (seen.following, seen.may_follow) == (False, False)


def test_how_far_behind() -> None:
    seen = follower()
    seen.look(1.0, Sighting(10_100, written=True))
    seen.stands(0.0, 0)
    assert seen.standing() == "following, 10,100 events behind"
    seen.stands(1.0, 5_000)
    assert (seen.behind, seen.recorded.per_second) == (5_100, 10_000)
    assert seen.standing() == "following, 5,100 events behind, and cannot keep up"
    assert seen.states()["following"] == (
        "5,100 events behind, and cannot keep up, replaying 5,000 events/s"
    )
    seen.look(2.0, replace(EXITED, events=10_100))
    assert seen.standing() == "following, 5,100 events behind, there in about 1 s"
    seen.stands(2.0, 10_100)
    assert seen.states()["following"] == "at the end, replaying 5,050 events/s"


def test_another_way_than_following_has_no_speed() -> None:
    seen = follower()
    seen.stands(0.0, 0)
    seen.stands(1.0, 50)
    assert seen.replayed.per_second == 50
    seen.stands(2.0, 20)
    assert seen.replayed.per_second == 0
    seen.pause()
    seen.stands(3.0, 90)
    assert seen.replayed.per_second == 0


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (None, "finished"),
        (Summary(Outcome.HALTED, status=-1), "finished: the guest exited with status 255"),
        (Summary(Outcome.MISUSE, detail="a\x1b"), "finished: the guest was ended: a\\x1b"),
        (
            Summary(Outcome.INTERRUPTED),
            "finished: the recording was stopped by its operator",
        ),
        (
            Summary(Outcome.HOST_FAILURE, detail="tap"),
            "finished: the recording ended with a failing device: tap",
        ),
    ],
)
def test_endings(summary: Summary | None, text: str) -> None:
    assert plain(follower(replace(EXITED, summary=summary)).title()) == text


def test_every_outcome_has_words() -> None:
    for outcome in Outcome:
        assert plain(follower(replace(EXITED, summary=Summary(outcome))).title())


def test_speed_is_of_the_last_seconds() -> None:
    speed = Speed()
    assert speed.per_second == 0
    speed.note(1.0, 10)
    speed.note(1.0, 20)
    assert speed.per_second == 0
    for second in range(2, 10):
        speed.note(float(second), second * 10)
    assert speed.per_second == 10
    speed.note(10.0, 1090)
    assert speed.per_second == 505
    for _ in range(1000):
        speed.note(10.0, 1090)
    assert len(speed._seen) <= 64
