from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.console import ConsoleWrite
from replay.cli.exit_codes import ReplayStatus
from replay.cli.replay import main
from replay.engines.errors import EngineUnavailable
from replay.machine.errors import DeviceFailure
from replay.player import starting
from replay.player.verifier import StateVerifier
from replay.testing.source import ScriptedSource
from tests.unit.replay.recordings import Recorder
from traces.salvage import salvage

Capture = pytest.CaptureFixture[str]


class Failing(ScriptedSource):
    """A world whose console fails when the guest has written ``text``."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self._text = text

    def answer(self, call: Call) -> Result:
        if isinstance(call, ConsoleWrite) and self._text in call.data:
            raise DeviceFailure("the console is on fire")
        return super().answer(call)


def hello(recorder: Recorder, *args: str) -> str:
    return str(recorder.record("hello", *args).path)


def test_help_has_examples_and_statuses(capfd: Capture) -> None:
    assert main(["--help"]) == 0
    shown = capfd.readouterr().out
    assert "examples:\n  solo5-replay app.mp\n" in shown
    assert "exit status:" in shown


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required: TRACE"),
        (["a.mp", "--until", "3x"], "not a position: '3x' (write EVENT"),
        (["a.mp", "--until", "-1"], "not a position: '-1'"),
        (["a.mp", "--timeout", "nan"], "not a number of seconds: 'nan'"),
        (["a.mp", "--timeout", "0"], "not a number of seconds: '0'"),
        (["a.mp", "--timeout", "1e300"], "not a number of seconds"),
        (["a.mp", "--chekc"], "unrecognized arguments: --chekc"),
        (["a.mp", "--core", "/nonesuch/core"], "there is no folder /nonesuch"),
        (["a.mp", "--core", "/"], "/ exists, and nothing is overwritten"),
    ],
)
def test_wrong_usage_is_status_2(argv: list[str], words: str, capfd: Capture) -> None:
    assert main(argv) == ReplayStatus.USAGE
    shown = capfd.readouterr()
    assert shown.out == ""
    assert words in shown.err


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_what_is_no_trace_is_status_4(
    content: bytes | None, tmp_path: Path, capfd: Capture
) -> None:
    path = tmp_path / "a.mp"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == ReplayStatus.BAD_TRACE
    shown = capfd.readouterr()
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)


def test_the_console_on_stdout_and_the_verdict_on_stderr(
    recorder: Recorder, capfd: Capture
) -> None:
    assert main([hello(recorder, "x")]) == 0
    shown = capfd.readouterr()
    assert "\nCommand line is: 'x'\n" in shown.out
    assert re.fullmatch(
        r"solo5-replay: faithful: \d+ events and 1 state digest agree; "
        r"the guest exited with status 0\n",
        shown.err,
    )


@pytest.mark.parametrize(
    ("given", "status", "checked"), [("0", 0, 0), ("7", 7, 1), ("255", 255, 1), ("256", 0, 0)]
)
def test_the_status_is_the_guests_own(
    recorder: Recorder, given: str, status: int, checked: int, capfd: Capture
) -> None:
    path = str(recorder.record("exit", given).path)
    assert main([path]) == status
    capfd.readouterr()
    assert main([path, "--check"]) == checked
    shown = capfd.readouterr()
    verdict = "faithful, guest failed as recorded: " if checked else "faithful: "
    assert shown.out.startswith(verdict)
    assert shown.out.endswith(f"; the guest exited with status {status}\n")
    assert shown.err == ""


def test_a_broken_rule(recorder: Recorder, capfd: Capture) -> None:
    path = str(recorder.record("faults", "call0").path)
    assert main([path]) == 1
    assert "the guest was ended with status 1: " in capfd.readouterr().err
    assert main([path, "--check"]) == ReplayStatus.GUEST_FAILED


def test_quiet_and_quieter(recorder: Recorder, capfd: Capture) -> None:
    path = hello(recorder)
    assert main([path, "-q"]) == 0
    shown = capfd.readouterr()
    assert shown.out
    assert shown.err == ""
    assert main([path, "-qq"]) == 0
    assert capfd.readouterr() == ("", "")


def test_verbose_says_what_is_used(recorder: Recorder, capfd: Capture) -> None:
    assert main([hello(recorder), "-v"]) == 0
    shown = capfd.readouterr().err
    assert "solo5-replay: engine unicorn; recorded on unicorn by a test\n" in shown
    assert re.search(r"replayed in \d+\.\d+ s\n", shown)


def test_verbose_says_why_the_recorders_engine_is_not_used(
    recorder: Recorder, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> object:
        raise EngineUnavailable("unicorn", "there is none")

    path = hello(recorder)
    factory = starting.engine_factory
    engines = {"unicorn": refuse, "native": factory("unicorn")}
    monkeypatch.setattr(starting, "engine_factory", engines.get)
    monkeypatch.setattr(
        "replay.engines.kvm.probe.probe", lambda: EngineUnavailable("kvm", "it emulates")
    )
    assert main([path, "-v"]) == 0
    assert capfd.readouterr().err.splitlines()[:3] == [
        "solo5-replay: not engine unicorn: there is none",
        "solo5-replay: not engine kvm: it emulates",
        "solo5-replay: engine native; recorded on unicorn by a test",
    ]


class TestUntil:
    def test_an_event(self, recorder: Recorder, capfd: Capture) -> None:
        assert main([hello(recorder), "--until", "5"]) == 0
        first, *places = capfd.readouterr().err.splitlines()
        assert first == "solo5-replay: at position 5"
        assert re.match(
            r"solo5-replay:   at 0x[0-9a-f]+ \w+\+0x[0-9a-f]+ at \w+\.\w:\d+", places[0]
        )
        assert places[-1].startswith("solo5-replay:   by ")

    def test_instructions(self, recorder: Recorder, capfd: Capture) -> None:
        assert main([hello(recorder), "--until=3+7", "-qq"]) == 0
        assert main([hello(recorder), "--until=3+7", "--check"]) == 0
        assert capfd.readouterr().out == "at position 3+7\n"

    @pytest.mark.parametrize("position", ["100000", "0+99999999"])
    def test_nowhere(self, recorder: Recorder, capfd: Capture, position: str) -> None:
        assert main([hello(recorder), "--until", position]) == ReplayStatus.USAGE
        assert f"position {position} " in capfd.readouterr().err


class TestChanges:
    def test_another_command_line(self, recorder: Recorder, capfd: Capture) -> None:
        path = hello(recorder, "one")
        words = [path, "--args", "two"]
        assert main(words) == ReplayStatus.DIVERGED
        shown = capfd.readouterr().err
        assert "the replay diverges from the recording at event " in shown
        assert "Command line is: 'two'" in shown

    def test_the_command_of_the_report_stands_before_the_event(
        self, recorder: Recorder, capfd: Capture, tmp_path: Path
    ) -> None:
        core = str(tmp_path / "core")
        words = [hello(recorder, "one"), "--args", "two", "--core", core]
        assert main(words) == ReplayStatus.DIVERGED
        lines = capfd.readouterr().err.splitlines()
        (command,) = [line.removeprefix("solo5-replay:   ") for line in lines if "--until" in line]
        program, *again = shlex.split(command)
        assert program == "solo5-replay"
        assert main(again) == 0
        event = again[again.index("--until") + 1]
        assert f"solo5-replay: at position {event}\n" in capfd.readouterr().err

    def test_the_same_guest_from_a_file(
        self, recorder: Recorder, capfd: Capture, tmp_path: Path
    ) -> None:
        file = tmp_path / "hello.hvt"
        file.write_bytes(recorder.guest("hello"))
        path = str(recorder.record("hello", embed=False).path)
        assert main([path]) == ReplayStatus.CANNOT_REPLAY
        assert "does not embed its guest hello.hvt; give its file" in capfd.readouterr().err
        assert main([path, "--guest", str(file)]) == 0
        assert "note:" not in capfd.readouterr().err

    def test_another_guest_is_noted(
        self, recorder: Recorder, capfd: Capture, tmp_path: Path
    ) -> None:
        file = tmp_path / "other.hvt"
        file.write_bytes(recorder.guest("exit"))
        assert main([hello(recorder), "--guest", str(file)]) == ReplayStatus.DIVERGED
        assert f"note: {file} is not the recorded guest" in capfd.readouterr().err

    @pytest.mark.parametrize("content", [None, b"no ELF file"])
    def test_an_unusable_guest_is_status_125(
        self, recorder: Recorder, capfd: Capture, tmp_path: Path, content: bytes | None
    ) -> None:
        file = tmp_path / "bad.hvt"
        if content is not None:
            file.write_bytes(content)
        status = main([hello(recorder), "--guest", str(file)])
        assert status == ReplayStatus.CANNOT_REPLAY
        assert "solo5-replay: " in capfd.readouterr().err

    def test_any_bytes_as_arguments(self, recorder: Recorder, capfd: Capture) -> None:
        assert main([hello(recorder, "one"), "--args", "\udcff"]) == ReplayStatus.DIVERGED
        assert r"Command line is: '\xff'" in capfd.readouterr().err


class TestIncomplete:
    def test_a_failed_device(self, recorder: Recorder, capfd: Capture) -> None:
        path = str(recorder.record("hello", source=Failing(b"Command line")).path)
        assert main([path, "--check"]) == ReplayStatus.INCOMPLETE
        shown = capfd.readouterr().out
        assert shown.startswith("faithful so far: ")
        assert shown.endswith("ended with a failing device: the console is on fire\n")

    def test_a_killed_recorder(self, recorder: Recorder, capfd: Capture) -> None:
        path = recorder.record("hello", source=Failing(b"Command line")).path
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"\x96\xa1S")])
        assert main([str(path)]) == ReplayStatus.INCOMPLETE
        assert "; the recorder was killed\n" in capfd.readouterr().err

    def test_a_salvaged_trace(self, recorder: Recorder, capfd: Capture, tmp_path: Path) -> None:
        path = recorder.record("hello", source=Failing(b"Command line")).path
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"\x96\xa1S") + 9])
        salvage(path, tmp_path / "out.mp")
        assert main([str(tmp_path / "out.mp"), "--check"]) == ReplayStatus.INCOMPLETE
        assert "; the trace was salvaged from a damaged one: " in capfd.readouterr().out

    def test_damage_at_the_end_is_told(self, recorder: Recorder, capfd: Capture) -> None:
        path = recorder.record("hello", source=Failing(b"Command line")).path
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"\x96\xa1S") + 9])
        assert main([str(path), "--check"]) == ReplayStatus.INCOMPLETE
        assert "the recorder was killed (the file ends inside a block" in capfd.readouterr().out


def test_a_damaged_event_is_status_4(recorder: Recorder, capfd: Capture) -> None:
    path = recorder.record("hello").path
    data = bytearray(path.read_bytes())
    data[data.rindex(b"\x96\xa1E") + 20] ^= 1
    path.write_bytes(data)
    assert main([str(path)]) == ReplayStatus.BAD_TRACE
    assert "checksum of block 'E' is wrong" in capfd.readouterr().err


def test_an_unknown_engine_is_status_125(recorder: Recorder, capfd: Capture) -> None:
    assert main([hello(recorder), "--engine", "none"]) == ReplayStatus.CANNOT_REPLAY
    assert "engine none is not available" in capfd.readouterr().err


def test_a_time_limit_is_status_124(recorder: Recorder, capfd: Capture) -> None:
    recording = recorder.record("faults", "loop", stop_at=b"now: loop")
    last = recording.recorded.events
    words = [str(recording.path), "--until", f"{last}+1{'0' * 15}", "--timeout", "0.05"]
    assert main(words) == ReplayStatus.TIMEOUT
    assert re.search(
        rf"the time limit of 0\.05 s has passed, at position {last}\+\d+\n", capfd.readouterr().err
    )


def test_a_signal_is_status_130(
    recorder: Recorder, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hello(recorder)
    crossed = StateVerifier.crossed

    def crossed_and_signal(self: StateVerifier, index: int, call: Call, result: Result) -> None:
        crossed(self, index, call, result)
        if index == 7:
            signal.raise_signal(signal.SIGINT)
            self._machine.engine.interrupt()

    monkeypatch.setattr(StateVerifier, "crossed", crossed_and_signal)
    monkeypatch.setattr(StateVerifier, "due", 0)
    assert main([path]) == ReplayStatus.INTERRUPTED
    assert capfd.readouterr().err == "solo5-replay: terminated by signal 2, at position 8\n"
