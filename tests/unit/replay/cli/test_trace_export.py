"""The program: files, statuses and messages; what is in a file is tested with its exporter."""

from __future__ import annotations

import errno
import io
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from replay.cli.export_options import FORMATS
from replay.cli.stopping import Interruptible, Stopper
from replay.cli.trace import main
from replay.export.pcapng import PcapngExporter
from tests.unit.replay.made_traces import MakeTrace
from traces.reader import Trace, open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
DEVICES = CORPUS / "devices-1.0.mp"
HELLO = CORPUS / "hello-1.0.mp"


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a trace in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "app.mp").write_bytes(DEVICES.read_bytes())
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"lcov"}))
def test_a_file_beside_the_trace(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "app.mp") == 0
    made = here / f"app{FORMATS[name].ending}"
    assert made.stat().st_size > 0
    assert made.name in capsys.readouterr().err
    content = made.read_bytes()
    assert run(name, "app.mp") == ReplayStatus.USAGE
    assert f"{made.name} exists, and nothing is overwritten" in capsys.readouterr().err
    assert made.read_bytes() == content
    assert run(name, "app.mp", "-o", "again") == 0
    assert (here / "again").read_bytes() == content, "the same again"


def test_standard_output(here: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("pcapng", "app.mp", "-o", "-") == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"\n\r\r\n")
    assert err == b"solo5-trace: 2 frames received, 1 sent\n"
    assert sorted(here.iterdir()) == [here / "app.mp"]


def test_bytes_are_nothing_for_a_terminal(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    assert run("pcapng", "app.mp", "-o", "-") == ReplayStatus.USAGE
    assert "nothing for a terminal" in capsys.readouterr().err


def test_a_divergence_leaves_no_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_trace(CORPUS / "trap-1.0.mp") as trace:
        (here / "other.hvt").write_bytes(trace.guest() or b"")
    assert run("pcapng", HELLO, "--guest", "other.hvt", "-o", "x") == ReplayStatus.DIVERGED
    assert "the replay diverges from the recording at event" in capsys.readouterr().err
    assert not (here / "x").exists()


def test_a_guest_that_is_not_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = CORPUS / "example-1.0.mp"
    assert run("pcapng", trace, "-o", "x") == ReplayStatus.CANNOT_REPLAY
    assert "does not embed its guest" in capsys.readouterr().err
    assert run("pcapng", trace, "-o", "x", "--guest", "none") == ReplayStatus.CANNOT_REPLAY
    assert "none: No such file" in capsys.readouterr().err
    assert not (here / "x").exists()
    assert run("pcapng", trace, "-o", "x", "--no-replay") == 0


def test_damage_leaves_no_file(
    here: Path, make_trace: MakeTrace, damage: Callable[[Path, bytes], Path]
) -> None:
    path = damage(make_trace(), b"a\x1b[31mframe")
    assert run("pcapng", path, "-o", "x", "--no-replay") == ReplayStatus.BAD_TRACE
    assert not (here / "x").exists()
    assert run("pcapng", here / "none.mp") == ReplayStatus.BAD_TRACE


def test_an_incomplete_trace_is_exported_as_far_as_it_goes(
    here: Path, make_trace: MakeTrace, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_trace(summary=None)
    assert run("pcapng", path, "-o", "x", "--no-replay") == 0
    assert "that is not the whole run: the recorder was killed" in capsys.readouterr().err


def test_a_run_that_is_still_being_recorded(
    here: Path,
    make_trace: MakeTrace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Trace, "being_written", True)
    assert run("csv", make_trace(summary=None), "-o", "x", "--no-replay") == 0
    assert "19 events in x; that is not the whole run: it is still" in capsys.readouterr().err


def test_ctrl_c_leaves_no_file(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = [signal.SIGINT]

    def take(*_: object) -> None:
        while signals:
            signal.raise_signal(signals.pop())

    monkeypatch.setattr(PcapngExporter, "take", take)
    assert run("pcapng", "app.mp", "--no-replay") == ReplayStatus.INTERRUPTED
    assert "terminated by signal 2, at event 34" in capsys.readouterr().err
    assert sorted(here.iterdir()) == [here / "app.mp"]


def test_ctrl_c_stops_a_replay(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal is seen in time, however fast the guest ends."""
    machines: list[Interruptible] = []

    class Watching(Stopper):
        def watching(self, machine: Interruptible) -> AbstractContextManager[None]:
            machines.append(machine)
            self.signal_number = signal.SIGTERM
            return super().watching(machine)

    monkeypatch.setattr("replay.cli.trace_replay.Stopper", Watching)
    monkeypatch.setattr(PcapngExporter, "take", lambda *_: machines[0].interrupt())
    assert run("pcapng", "app.mp") == ReplayStatus.INTERRUPTED
    assert "terminated by signal 15, at position 3" in capsys.readouterr().err
    assert sorted(here.iterdir()) == [here / "app.mp"]


def test_a_full_disk_leaves_no_file(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PcapngExporter, "finish", finish)
    assert run("pcapng", "app.mp") == ReplayStatus.CANNOT_REPLAY
    assert "app.pcapng: No space left on device" in capsys.readouterr().err
    assert sorted(here.iterdir()) == [here / "app.mp"]
