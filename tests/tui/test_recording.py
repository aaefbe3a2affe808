"""``solo5-record --tui`` in a real terminal: the recorder is a child, and none is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replay.engines.registry import COUNTING_ENGINE
from tests.gdb.recordings import Recordings
from tests.tui.tmux import Terminal, terminal, wait_until_gone
from traces.reader import open_trace
from traces.summary import Outcome

pytestmark = pytest.mark.slow

Record = Callable[..., AbstractContextManager[Terminal]]
LONG = ("mono", "1000000000")
RECORDING = "● recording"


@pytest.fixture
def record(recordings: Recordings, tmp_path: Path) -> Record:
    """Records a guest program in a terminal."""

    def begun(name: str, *words: str, options: tuple[str, ...] = ()) -> object:
        given = ("--tui", "--engine", COUNTING_ENGINE, *options, str(recordings.guest(name)))
        return terminal(tmp_path, 120, 40, *given, *words, program="solo5-record")

    return begun  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Who runs the tests under nohup has them ignore SIGHUP, and so every program they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def recorder_of(screen: Terminal) -> int:
    """The recorder's process."""
    program = screen.program()
    children = Path(f"/proc/{program}/task/{program}/children").read_text().split()
    found = [
        int(child)
        for child in children
        if b"leashed" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    assert len(found) == 1, children
    return found[0]


def outcome(path: Path) -> Outcome:
    """How a recording ended, which has to be complete."""
    with open_trace(path) as trace:
        assert trace.complete
        assert trace.summary is not None
        return trace.summary.outcome


def test_a_guest_is_seen_from_its_beginning_to_its_end(record: Record, tmp_path: Path) -> None:
    with record("time", "300") as screen:
        screen.wait_for(RECORDING, "following", "2 Code", "5 Console")
        screen.wait_for("finished: the guest exited with status 0", "SUCCESS")
        screen.press("q")
        screen.wait_for("time.guest.mp; `solo5-replay", "status 0.")
        assert screen.is_restored()
    assert outcome(tmp_path / "time.guest.mp") is Outcome.HALTED


def test_the_guests_status_is_the_programs(record: Record, tmp_path: Path) -> None:
    with record("exit", "7", options=("-q", "-o", "mine.mp")) as screen:
        screen.wait_for("the guest exited with status")
        screen.press("q")
        screen.wait_for("status 7.")
    assert outcome(tmp_path / "mine.mp") is Outcome.HALTED


def test_it_pauses_and_steps_while_the_guest_runs(record: Record) -> None:
    with record("clocks", *LONG) as screen:
        screen.wait_for(RECORDING, "following", without="event 0/")
        screen.press("Space")
        screen.wait_for(RECORDING, "paused")
        screen.press("<")
        screen.wait_for("event 0/", "paused")
        screen.press("i")
        screen.wait_for("event 0/", " +1 ")
        screen.press("r")
        screen.wait_for("ReadTsc", "Space follows")
        screen.press("Space")
        screen.wait_for("replaying", without="event 0/")
        screen.press("C-c")  # is not for the recorder
        screen.wait_for("nothing is under way")
        screen.wait_for(RECORDING)


def test_the_guest_is_stopped(record: Record, tmp_path: Path) -> None:
    with record("clocks", *LONG) as screen:
        screen.wait_for(RECORDING)
        recorder = recorder_of(screen)
        screen.press("q")
        screen.wait_for("still being recorded", "s    stop the guest and leave")
        screen.press("s")
        screen.wait_for("terminated by signal 2", "status 1.")
        assert screen.is_restored()
        wait_until_gone(recorder)
    assert outcome(tmp_path / "clocks.guest.mp") is Outcome.INTERRUPTED


def test_the_guest_is_left_recording(record: Record, tmp_path: Path) -> None:
    with record("clocks", *LONG) as screen:
        screen.wait_for(RECORDING)
        recorder = recorder_of(screen)
        screen.press("q")
        screen.wait_for("l    leave it recording")
        screen.press("l")
        screen.wait_for("still recording into clocks.guest.mp", "status 0.")
    try:
        with open_trace(tmp_path / "clocks.guest.mp") as trace:
            before = trace.event_count
            while trace.event_count == before:
                assert trace.being_written
                trace.refresh()
    finally:
        os.kill(recorder, signal.SIGINT)
        wait_until_gone(recorder)
    assert outcome(tmp_path / "clocks.guest.mp") is Outcome.INTERRUPTED


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_no_recorder_is_left_behind(how: signal.Signals, record: Record, tmp_path: Path) -> None:
    with record("clocks", *LONG) as screen:
        screen.wait_for(RECORDING)
        recorder = recorder_of(screen)
        os.kill(screen.program(), how)
        wait_until_gone(recorder)
    assert outcome(tmp_path / "clocks.guest.mp") is Outcome.INTERRUPTED


def test_a_guest_that_is_refused_has_no_screen(tmp_path: Path) -> None:
    (tmp_path / "nonsense.hvt").write_bytes(b"nonsense")
    with terminal(tmp_path, 120, 40, "--tui", "nonsense.hvt", program="solo5-record") as screen:
        screen.wait_for("solo5-record: ", "nonsense.hvt", "status 1.")
        assert screen.flags().split()[0] == "0"
    assert not (tmp_path / "nonsense.mp").exists()
