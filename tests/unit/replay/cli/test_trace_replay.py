from __future__ import annotations

import signal
from pathlib import Path

import pytest

from monitors.calls.block import BlockWrite
from monitors.calls.clock import WALL_CLOCK
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import Halt, Misuse, MisuseKind
from replay.cli.exit_codes import ReplayStatus
from replay.cli.stopping import Stopper
from replay.cli.trace_dump import EventPrinter, Selection
from replay.cli.trace_replay import dump_replayed, given_bytes
from replay.engines.errors import EngineUnavailable
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO = CORPUS / "hello-1.0.mp"
DEVICES = CORPUS / "devices-1.0.mp"


def replayed(path: Path, selection: Selection, guest: Path | None = None) -> ReplayStatus:
    with open_trace(path) as trace:
        printer = EventPrinter(trace.header, hex_dump=False, as_json=False)
        return dump_replayed(trace, selection, printer, None if guest is None else str(guest))


def guest_of(path: Path, output: Path) -> Path:
    with open_trace(path) as trace:
        output.write_bytes(trace.guest() or b"")
    return output


def test_the_bytes_of_calls() -> None:
    assert given_bytes(ConsoleWrite(b"a")) == b"a"
    assert given_bytes(BlockWrite(1, 2, b"")) == b""
    assert given_bytes(Halt(0, b"cookie")) == b"cookie"
    assert given_bytes(WALL_CLOCK) is None
    assert given_bytes(Misuse(MisuseKind.INVALID_ACCESS, "text")) is None


def test_what_the_guest_gave_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert replayed(DEVICES, Selection()) == ReplayStatus.FAITHFUL
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [f"#{number}" for number in range(44)]
    assert lines[13] == r"#13 ConsoleWrite(data='every call\n')"
    assert "offset=512 (sector 1), data=<512 bytes: f6 7b bd" in lines[27]
    assert "OK, 512 bytes: f6 7b bd" in lines[28], "bytes that the trace does not hold twice"
    assert "data=<60 bytes: Ethernet 06:07:08:09:0a:0b > " in lines[37]
    assert "crc32c" not in out
    assert err == ""


def test_only_what_is_selected(capsys: pytest.CaptureFixture[str]) -> None:
    selection = Selection(13, 42, frozenset(("ConsoleWrite", "NetWrite")))
    assert replayed(DEVICES, selection) == ReplayStatus.FAITHFUL
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["#13", "#37", "#41"]


def test_the_guest_runs_no_further_than_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # This guest would do something else only later.
    other = guest_of(CORPUS / "trap-1.0.mp", tmp_path / "other.hvt")
    assert replayed(HELLO, Selection(end=4), other) == ReplayStatus.FAITHFUL
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert replayed(HELLO, Selection(end=0), other) == ReplayStatus.FAITHFUL
    assert capsys.readouterr().out == ""


def test_a_divergence_ends_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = guest_of(CORPUS / "trap-1.0.mp", tmp_path / "other.hvt")
    assert replayed(HELLO, Selection(), other) == ReplayStatus.DIVERGED
    out, err = capsys.readouterr()
    number = len(out.splitlines())
    assert 4 < number < 18
    assert f"solo5-trace: the replay diverges from the recording at event {number}\n" in err
    assert f"solo5-replay {HELLO} --until {number}" in err


def test_a_run_that_its_monitor_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert replayed(CORPUS / "misuse-1.0.mp", Selection(15)) == ReplayStatus.FAITHFUL
    assert capsys.readouterr().out.startswith("#15 Misuse(kind='INVALID_POINTER', detail='invalid ")


def test_a_guest_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = CORPUS / "example-1.0.mp"
    assert replayed(path, Selection()) == ReplayStatus.CANNOT_REPLAY
    assert "does not embed its guest" in capsys.readouterr().err
    assert replayed(path, Selection(), tmp_path / "none") == ReplayStatus.CANNOT_REPLAY
    assert "none: No such file" in capsys.readouterr().err
    assert replayed(HELLO, Selection(), path) == ReplayStatus.CANNOT_REPLAY
    assert "cannot replay" in capsys.readouterr().err


def test_no_engine(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> object:
        raise EngineUnavailable("any", "there is none")

    monkeypatch.setattr("replay.cli.trace_replay.start_replay", start)
    assert replayed(HELLO, Selection()) == ReplayStatus.CANNOT_REPLAY
    assert "there is none" in capsys.readouterr().err


def test_the_operator_stops_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that comes while the fifth event is printed."""
    show = EventPrinter.show

    def show_and_stop(printer: EventPrinter, event: object, given: bytes | None = None) -> None:
        show(printer, event, given)  # type: ignore[arg-type]
        if event.index == 4:  # type: ignore[attr-defined]
            interrupt_now()

    def interrupt_now() -> None:
        stoppers[0].signal_number = signal.SIGTERM
        engines[0].interrupt()

    stoppers: list[Stopper] = []
    engines: list[object] = []

    class Watching(Stopper):
        def watching(self, engine):  # type: ignore[no-untyped-def]
            stoppers.append(self)
            engines.append(engine)
            return super().watching(engine)

    monkeypatch.setattr("replay.cli.trace_replay.Stopper", Watching)
    monkeypatch.setattr(EventPrinter, "show", show_and_stop)
    assert replayed(HELLO, Selection()) == ReplayStatus.INTERRUPTED
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 5
    assert err == "solo5-trace: terminated by signal 15, at position 5\n"
