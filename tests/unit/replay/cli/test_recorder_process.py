"""A recorder as a child: real ones, which come to all their ends."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.cli.recorder_process import RecorderProcess
from replay.engines.registry import COUNTING_ENGINE
from replay.testing.cases import GuestShelf
from replay.toolchain.programs import find_program
from tests.cli.programs import PATIENCE_S
from traces.errors import TraceError
from traces.reader import open_trace
from traces.summary import Outcome

pytestmark = pytest.mark.slow

Start = Callable[..., RecorderProcess]


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest that reads clocks, for as long as one likes."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc binutils")
    folder = tmp_path_factory.mktemp("guests")
    path = folder / "clocks.hvt"
    path.write_bytes(GuestShelf(folder).guest(find_program("clocks"), "hvt"))
    return path


@pytest.fixture
def start(tmp_path: Path, clocks: Path) -> Iterator[Start]:
    """Starts a recorder of so many readings into ``a.mp``."""
    started: list[RecorderProcess] = []

    def begin(readings: int, *words: str) -> RecorderProcess:
        trace = tmp_path / "a.mp"
        given = ("-o", str(trace), "--engine", COUNTING_ENGINE, *words, str(clocks))
        process = RecorderProcess([*given, "mono", str(readings)])
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.status is None:
            process.kill()
            process.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline


def records(path: Path) -> bool:
    """Whether the guest runs."""
    try:
        with open_trace(path) as trace:
            return trace.event_count > 0
    except TraceError:
        return False


def test_its_status_and_what_it_says(start: Start, tmp_path: Path) -> None:
    process = start(10)
    assert process.wait(PATIENCE_S)
    assert process.status == 0
    said = process.said()
    assert "a.mp" in said
    assert process.said() == ""
    assert process.all_said() == said
    process.close()


def test_it_is_asked_to_stop(start: Start, tmp_path: Path) -> None:
    process = start(10**12)
    assert not process.wait(0)
    wait_until(lambda: records(tmp_path / "a.mp"))
    process.stop()
    assert process.wait(PATIENCE_S)
    assert process.status == 1
    with open_trace(tmp_path / "a.mp") as trace:
        assert trace.summary is not None
        assert trace.summary.outcome is Outcome.INTERRUPTED
    process.close()


def test_it_has_a_session_of_its_own(start: Start, tmp_path: Path) -> None:
    process = start(10**12)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.close()


def test_it_ends_when_it_is_let_go(start: Start, tmp_path: Path) -> None:
    process = start(10**12)
    wait_until(lambda: records(tmp_path / "a.mp"))
    process.close()
    assert process._process.wait(PATIENCE_S) == 1
    with open_trace(tmp_path / "a.mp") as trace:
        assert trace.complete


def test_it_goes_on_when_it_was_released(start: Start, tmp_path: Path) -> None:
    process = start(10**12)
    wait_until(lambda: records(tmp_path / "a.mp"))
    process.release()
    process.close()
    with open_trace(tmp_path / "a.mp") as trace:
        before = trace.event_count
        wait_until(lambda: trace.refresh() and trace.event_count > before + 1000)
        assert trace.being_written
    assert process.status is None
    process.stop()
    assert process.wait(PATIENCE_S)


def test_of_a_killed_one_the_status_is_a_shells(start: Start, tmp_path: Path) -> None:
    process = start(10**12)
    wait_until(lambda: records(tmp_path / "a.mp"))
    process.kill()
    assert process.wait(PATIENCE_S)
    assert process.status == 128 + signal.SIGKILL
    with open_trace(tmp_path / "a.mp") as trace:
        assert not trace.being_written
    process.close()


def test_descriptors_of_this_process_are_the_recorders_too(start: Start, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        process = start(10, f"--net:none=@{file.fileno()}")
        assert process.wait(PATIENCE_S)
    assert process.status == 1
    assert "none" in process.all_said()
    assert "Bad file descriptor" not in process.all_said()
    process.close()


def test_what_cannot_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        RecorderProcess(["a.hvt"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before
