"""The beat by which a screen keeps up with a recording, without a screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from replay.player.stops import Stop, Why
from replay.tui import live as module
from replay.tui.desk import Refusal
from replay.tui.explorer import Explorer, Moment, Trouble
from replay.tui.live import Live
from replay.tui.model.follower import Recorder
from replay.tui.model.rows import Role
from replay.tui.recording import Recording
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.conftest import BeingRecorded, exploring, growing_copy
from traces.errors import WrongVersion
from traces.reader import open_trace

T = TypeVar("T")
Way = Callable[[Explorer], Stop]


class Process:
    """A recorder."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.words = ""

    def said(self) -> str:
        words, self.words = self.words, ""
        return words

    def stop(self) -> None: ...
    def release(self) -> None: ...


class Thread:
    """The timeline's thread, which does everything at once."""

    def __init__(self) -> None:
        self.closed = self.awaited = False
        self.interrupts = 0

    def interrupt(self) -> None:
        self.interrupts += 1


class Stage:
    """The application: ``live`` beats when it is told to, and time passes by ``now_s`` alone."""

    def __init__(self, explorer: Explorer, process: Process | None = None) -> None:
        self.explorer = explorer
        self.recording = Recording(explorer.timeline.trace)
        self.navigator = Thread()
        self.is_busy = False
        self.said: list[str] = []
        self.log: list[str] = []
        self.now_s = 0.0
        self.standing = ""
        self.moment: Moment | None = explorer.look({})
        self.live = Live(self, process=process, clock=lambda: self.now_s)  # type: ignore[arg-type]

    async def have_done(self, job: Callable[[Explorer], T]) -> T:
        return job(self.explorer)

    async def go_along(self, way: Way, is_wanted: Callable[[], bool]) -> Moment | None:
        if not is_wanted():
            return None
        self.moment = self.explorer.travel(way, {})
        self.live.moved(self.moment)
        return self.moment

    def show_live(self) -> None:
        self.standing = self.recording.follower.standing()

    def say(self, text: str, *, bad: bool = False) -> None:
        self.said.append(text)

    def log_answer(self, text: str, role: Role = Role.TEXT) -> None:
        self.log.append(text)

    def beat(self) -> None:
        """One beat, and the scan that it has begun."""
        asyncio.run(self.live.beat())
        if self.recording._scanner is not None:
            self.recording._scanner.join()
        self.now_s += 1.0

    @property
    def behind(self) -> int:
        assert self.moment is not None
        return self.recording.trace.event_count - self.moment.position.event


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DRAWING_S", 0)


@contextlib.contextmanager
def on_stage(path: Path, folder: Path, process: Process | None = None) -> Iterator[Stage]:
    with open_trace(path) as trace:
        explorer = exploring(trace, folder)
        stage = Stage(explorer, process)
        yield stage
        stage.recording.close()
        explorer.timeline.close()


@pytest.fixture
def growing(everything: Journey) -> Iterator[BeingRecorded]:
    with growing_copy(everything.path, blocks=2) as copy:
        yield copy


@pytest.fixture
def stage(growing: BeingRecorded, everything: Journey) -> Iterator[Stage]:
    with on_stage(growing.path, everything.path.parent) as found:
        yield found


def test_what_comes_is_known_everywhere_and_the_guest_stands_still(
    stage: Stage, growing: BeingRecorded
) -> None:
    stage.beat()
    before = stage.recording.trace.event_count
    stage.recording.has_news()
    growing.grow()
    stage.beat()
    recording = stage.recording
    assert recording.has_news()
    assert recording.trace.event_count == recording.columns.event_count > before
    assert recording.place("end") == stage.explorer.timeline.end
    assert stage.explorer.timeline.position == stage.explorer.timeline.start
    assert recording.follower.recorder is Recorder.AT_WORK


def test_nothing_comes(stage: Stage, growing: BeingRecorded) -> None:
    stage.beat()
    stage.recording.has_news()
    scanner = stage.recording._scanner
    stage.beat()
    assert not stage.recording.has_news()
    assert stage.recording._scanner is scanner


def test_it_is_followed_to_its_end(stage: Stage, growing: BeingRecorded) -> None:
    stage.live.switch()
    while growing.left:
        growing.grow()
        stage.beat()
        assert stage.behind == 0
        assert not stage.live.over or not growing.left
    assert stage.moment is not None
    assert stage.moment.stop.why is Why.END
    assert stage.standing == ""
    stage.beat()
    assert stage.live.over
    assert "finished: the guest exited with status 7" in str(stage.recording.title())
    with pytest.raises(Refusal, match="over"):
        stage.live.switch()


def test_it_is_followed_at_once_or_offered(stage: Stage) -> None:
    assert stage.live.begin(follow=False)
    assert stage.said == ["this is being recorded now: Space follows it"]
    assert stage.live.begin(follow=True)
    assert stage.recording.follower.following
    assert len(stage.said) == 1


def test_it_is_paused_and_followed_again(stage: Stage, growing: BeingRecorded) -> None:
    stage.live.switch()
    stage.beat()
    stage.live.switch()
    growing.grow()
    stage.beat()
    assert stage.behind == 4
    stage.live.switch()
    stage.beat()
    assert stage.behind == 0
    assert stage.navigator.interrupts == 0


def test_a_journey_pauses(stage: Stage, growing: BeingRecorded) -> None:
    stage.live.give_way()
    assert not stage.recording.follower.following
    stage.live.switch()
    stage.live.give_way()
    assert not stage.recording.follower.following
    assert stage.navigator.interrupts == 0
    stage.is_busy = True
    stage.live.switch()
    stage.beat()
    assert stage.behind > 0


def test_a_leg_under_way_is_interrupted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def catch_up(explorer: Explorer, enough: Callable[[], bool]) -> Stop:
        stage.live.give_way()
        assert enough()
        return explorer.to_start()

    monkeypatch.setattr(module, "catch_up", catch_up)
    stage.live.switch()
    stage.beat()
    assert stage.navigator.interrupts == 1


def test_a_leg_that_has_to_wait_is_not_gone_when_the_user_is_elsewhere(stage: Stage) -> None:
    go_along = stage.go_along

    async def late(way: Way, is_wanted: Callable[[], bool]) -> Moment | None:
        stage.live.give_way()
        stage.now_s += module._LEG_MAX_S * 2
        await asyncio.sleep(0)
        return await go_along(way, is_wanted)

    stage.go_along = late  # type: ignore[method-assign]
    stage.live.switch()
    moment = stage.moment
    stage.beat()
    assert stage.moment is moment
    assert stage.navigator.interrupts == 0  # that would have been the user's journey


def test_a_leg_in_which_the_guest_only_computes_is_interrupted(stage: Stage) -> None:
    computing, go_along = asyncio.Event(), stage.go_along

    async def slow(way: Way, is_wanted: Callable[[], bool]) -> Moment | None:
        stage.live._leg_begun_s = stage.now_s
        stage.now_s += module._LEG_MAX_S * 2
        await computing.wait()
        return await go_along(way, is_wanted)

    stage.go_along = slow  # type: ignore[method-assign]
    stage.navigator.interrupt = computing.set  # type: ignore[method-assign]
    stage.live.switch()
    stage.beat()
    assert computing.is_set()


def test_a_leg_ends_when_others_wait_or_its_time_is_over(stage: Stage) -> None:
    live = stage.live
    live.switch()
    live._leg_begun_s = live._alive_s = stage.now_s
    assert not live._is_enough()
    stage.navigator.awaited = True
    assert live._is_enough()
    stage.navigator.awaited = False
    stage.now_s += module._LEG_S
    assert live._is_enough()
    stage.now_s = 0.0
    live.give_way()
    assert live._is_enough()


def test_the_screen_comes_first(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    live = stage.live
    live.switch()
    live._leg_begun_s, live._alive_s = 0.0, 0.0
    stage.now_s = module._LATE_S * 2
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            live._alive_s = stage.now_s

    monkeypatch.setattr(module.time, "sleep", sleep)
    assert not live._is_enough()
    assert len(waits) == 3
    live._alive_s = 0.0
    monkeypatch.setattr(module.time, "sleep", lambda _: setattr(stage, "now_s", module._LEG_S))
    assert live._is_enough()  # and no leg waits for a screen that has stopped


def test_a_recorder_that_was_killed(stage: Stage, growing: BeingRecorded) -> None:
    stage.live.switch()
    stage.beat()
    growing.grow()
    growing.abandon()
    stage.beat()
    follower = stage.recording.follower
    assert (follower.recorder, follower.following, stage.behind) == (Recorder.GONE, False, 0)
    with pytest.raises(Refusal, match="killed"):
        stage.live.switch()
    growing.grow()  # it is written where locks are not seen
    stage.beat()
    stage.live.switch()
    stage.beat()
    assert stage.behind == 0


def test_a_divergence_pauses(stage: Stage) -> None:
    go_along = stage.go_along

    async def diverged(way: Way, is_wanted: Callable[[], bool]) -> Moment | None:
        moment = await go_along(way, is_wanted)
        object.__setattr__(moment, "trouble", Trouble("so it is", 3))
        return moment

    stage.go_along = diverged  # type: ignore[method-assign]
    stage.live.switch()
    stage.beat()
    assert not stage.recording.follower.following


def test_what_cannot_be_read_any_more_ends_it(stage: Stage) -> None:
    def refuse() -> bool:
        raise WrongVersion("block 'Z' is of a later version")

    stage.explorer.timeline.extend = refuse  # type: ignore[method-assign]
    stage.live.switch()
    stage.beat()
    assert "block 'Z'" in stage.said[0]
    assert stage.live.over


def test_what_the_user_cancels_is_tried_again(stage: Stage, growing: BeingRecorded) -> None:
    have_done = stage.have_done

    async def refuse(job: Callable[[Explorer], T]) -> T:
        raise Refusal("cancelled")

    stage.have_done = refuse  # type: ignore[method-assign, assignment]
    growing.grow()
    stage.beat()
    stage.have_done = have_done  # type: ignore[method-assign]
    stage.beat()
    assert stage.recording.follower.seen.events == stage.recording.trace.event_count
    assert not stage.said


def test_one_beat_at_a_time(stage: Stage) -> None:
    looks: list[int] = []
    have_done = stage.have_done

    async def nested(job: Callable[[Explorer], T]) -> T:
        looks.append(1)
        await stage.live.beat()
        return await have_done(job)

    stage.have_done = nested  # type: ignore[method-assign]
    stage.beat()
    assert looks == [1]


def test_a_complete_recording_has_no_beat(everything: Journey) -> None:
    with on_stage(everything.path, everything.path.parent) as stage:
        assert stage.live.over
        assert not stage.live.begin(follow=True)
        assert not stage.recording.follower.following
        with pytest.raises(Refusal, match="over"):
            stage.live.switch()


def test_what_the_recorder_says_is_shown(everything: Journey) -> None:
    process = Process()
    with (
        growing_copy(everything.path, blocks=2) as copy,
        on_stage(copy.path, everything.path.parent, process) as stage,
    ):
        process.words = "solo5-record: warning\n"
        stage.beat()
        assert stage.log == ["solo5-record: warning"]
        process.words, process.status = "solo5-record: no more\n", 125
        stage.beat()
        assert stage.log[1:] == [
            "solo5-record: no more",
            "the recorder has ended with status 125",
        ]
        assert stage.said == ["the recorder has ended with status 125; o says more"]
        stage.beat()
        assert len(stage.log) == 3
