"""A recording that is looked at while a real recorder makes it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from replay.cli.recorder_process import RecorderProcess
from replay.engines.registry import COUNTING_ENGINE
from replay.player.source_files import SourceFiles
from replay.player.stops import Why
from replay.player.timeline import Timeline
from replay.tui.app import ReplayApp
from replay.tui.explorer import Explorer
from replay.tui.model.follower import Recorder
from replay.tui.opening import Opening
from replay.tui.recording import Recording
from replay.tui.screens.leaving import LeavingScreen
from tests.cli.programs import PATIENCE_S, Running
from tests.cli.programs import running as running_program
from tests.gdb.recordings import Recordings
from tests.tui.driver import WIDE, Session, running
from traces.errors import TraceError
from traces.reader import Trace, open_trace

pytestmark = pytest.mark.slow

LONG = "1000000000"
"""Readings of a clock: more than anybody waits for."""

Script = Callable[[Session], Awaitable[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.mp"


@contextlib.contextmanager
def recording(recordings: Recordings, path: Path, program: str, *words: str) -> Iterator[Running]:
    """A recorder at work, whose guest has printed its first line."""
    guest = str(recordings.guest(program))
    options = ("-o", str(path), "--engine", COUNTING_ENGINE)
    with running_program("solo5-record", *options, guest, *words) as recorder:
        recorder.wait_for(f"test_{program}")
        yield recorder


def watch(
    path: Path, script: Script, *, follow: bool, process: RecorderProcess | None = None
) -> ReplayApp:
    """Look at a recording while it is made."""

    async def session() -> ReplayApp:
        with open_trace(path) as trace:
            async with looking(trace, follow=follow, process=process) as session:
                await until(lambda: session.app.moment is not None)
                await script(session)
            return session.app

    return asyncio.run(session())


@contextlib.asynccontextmanager
async def looking(
    trace: Trace, *, follow: bool, process: RecorderProcess | None
) -> AsyncIterator[Session]:
    seen = Recording(trace)
    seen.begin(follow=True)

    def open_explorer(progress: object) -> Explorer:
        return Explorer(Timeline(trace), SourceFiles((), ()))

    app = ReplayApp(seen, open_explorer, Opening(follows=follow), process)
    async with running(app, WIDE) as session:
        yield session


async def until(holds: Callable[[], object]) -> None:
    """Look again and again, while the screen goes on."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


async def grows(session: Session) -> int:
    """Wait until more is known than now; the number of events before."""
    before = session.app.recording.columns.event_count
    await until(lambda: session.app.recording.columns.event_count > before)
    return before


def test_it_goes_along_pauses_and_goes_along_again(recordings: Recordings, path: Path) -> None:
    with recording(recordings, path, "clocks", "mono", LONG) as recorder:

        async def script(s: Session) -> None:
            app = s.app
            await until(lambda: s.position.event > 500)
            assert "● recording" in s.header
            assert "events/s · following" in s.header
            assert "following" in s.status
            await s.begin("space")
            await until(lambda: "paused" in s.header)
            await until(lambda: not app.live._is_beating and not app.navigator.busy)
            here = s.position
            first = await grows(s)
            await grows(s)
            assert s.position == here
            end = app.recording.trace.event_count
            assert f"/{end:,}" in s.status or await grows(s)
            assert len(s.pane("events").rows) >= end > first
            assert app.recording.place("end").event >= end

            await s.begin("i")
            await until(lambda: s.position.instructions == here.instructions + 1)
            await s.begin("I")
            await until(lambda: s.position == here)
            assert "paused" in s.header
            s.app.reveal("rates")
            await until(lambda: "ReadTsc" in s.text("rates"))
            assert "Space follows" in s.text("rates")

            await s.begin("space")
            await until(lambda: s.position.event > here.event)
            await until(lambda: "replaying" in s.text("rates"))

            recorder.signal(signal.SIGINT)
            recorder.wait()
            await until(lambda: "finished" in s.header)
            assert "finished: the recording was stopped by its operator" in s.header
            await until(lambda: app.recording.scanned == 1)

        app = watch(path, script, follow=True)
    assert app.recording.follower.recorder is Recorder.DONE


def test_a_journey_of_the_user_pauses(recordings: Recordings, path: Path) -> None:
    with recording(recordings, path, "clocks", "mono", LONG):

        async def script(s: Session) -> None:
            await until(lambda: s.position.event > 100)
            await s.begin("<")
            await until(lambda: s.position.event == 0)
            assert not s.app.recording.follower.following
            await grows(s)
            assert s.position.event == 0
            assert "paused" in s.header
            await s.begin("u")
            await until(lambda: s.position.event > 100)

        watch(path, script, follow=True)


def test_a_guest_is_followed_to_its_end(recordings: Recordings, path: Path) -> None:
    with recording(recordings, path, "time", "60"):

        async def script(s: Session) -> None:
            await until(lambda: s.moment.stop.why is Why.END)
            assert s.position.event == s.app.recording.trace.event_count
            await until(lambda: s.app.live.over)
            assert "finished: the guest exited with status 0" in s.header
            await until(lambda: "SUCCESS" in s.text("console"))
            await s.settle()
            await s.press("space")
            assert "this recording is over" in s.said[-1]

        watch(path, script, follow=True)


def test_a_filter_finds_what_comes(recordings: Recordings, path: Path) -> None:
    with recording(recordings, path, "time", "300"):

        async def script(s: Session) -> None:
            await s.begin_command("filter poll(")
            await until(lambda: "poll(" in s.pane("events").subtitle)
            await until(lambda: s.app.live.over)
            polls = s.app.recording.events_named(frozenset(("Poll",)))
            await until(lambda: len(s.pane("events").rows) == len(polls) >= 5)
            assert all("Poll(" in line for line in s.rows("events"))

        watch(path, script, follow=False)


def test_following_is_offered(recordings: Recordings, path: Path) -> None:
    with recording(recordings, path, "clocks", "mono", LONG):

        async def script(s: Session) -> None:
            await until(lambda: s.said)
            assert s.said == ["this is being recorded now: Space follows it"]
            await grows(s)
            assert s.position.event == 0
            await s.begin("space")
            await until(lambda: s.position.event > 0)

        watch(path, script, follow=False)


def test_the_recorder_is_killed(recordings: Recordings, path: Path) -> None:
    with recording(recordings, path, "clocks", "mono", LONG) as recorder:

        async def script(s: Session) -> None:
            await until(lambda: "● recording" in s.header)
            recorder.signal(signal.SIGKILL)
            recorder.wait()
            await until(lambda: "incomplete: the recorder was killed" in s.header)
            await until(lambda: s.app.recording.scanned == 1)
            await s.begin("space")
            await until(lambda: "the recorder was killed: there is nothing" in "".join(s.said))
            await until(lambda: s.app.recording.verdict is not None)
            assert "the recorder was killed" in str(s.app.recording.verdict)

        watch(path, script, follow=False)


@pytest.fixture
def child(recordings: Recordings, path: Path) -> Iterator[RecorderProcess]:
    """A recorder of this process's own."""
    guest = str(recordings.guest("clocks"))
    words = ["-o", str(path), "--engine", COUNTING_ENGINE, guest, "mono", LONG]
    process = RecorderProcess(words)
    while not _is_begun(path):
        assert not process.wait(0.01)
    yield process
    process.close()
    process.kill()
    assert process.wait(PATIENCE_S)


def _is_begun(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with open_trace(path) as trace:
            return trace.event_count > 0
    except TraceError:
        return False


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
def test_leaving_asks_what_becomes_of_the_guest(
    key: str, child: RecorderProcess, path: Path
) -> None:
    async def script(s: Session) -> None:
        app = s.app
        await until(lambda: s.position.event > 0)
        await s.begin(key)
        await until(lambda: isinstance(app.screen, LeavingScreen))
        await s.begin("escape")
        await until(lambda: not isinstance(app.screen, LeavingScreen))
        assert app.is_running
        await s.begin(key)
        await until(lambda: isinstance(app.screen, LeavingScreen))
        await s.begin("l")
        await until(lambda: app._exit)

    watch(path, script, follow=True, process=child)
    assert child.is_free
    assert child.status is None


def test_what_the_recorder_says_at_its_end_is_shown(child: RecorderProcess, path: Path) -> None:
    async def script(s: Session) -> None:
        child.stop()
        await until(lambda: "finished" in s.header)
        await until(lambda: child.status is not None)
        await until(lambda: "the recorder has ended with status 1" in "\n".join(s.output))
        assert any("terminated by signal 2" in line for line in s.output)
        await s.begin("q")
        await until(lambda: s.app._exit)

    watch(path, script, follow=False, process=child)
