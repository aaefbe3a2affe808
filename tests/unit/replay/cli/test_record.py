from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from replay.cli.exit_codes import RecordStatus, ReplayStatus
from replay.cli.record import main
from replay.cli.replay import main as replay_main
from replay.cli.trace_info import info_text, tally
from replay.engines.errors import EngineUnavailable
from replay.engines.native.probe import probe
from tests.unit.replay.agents import require_agent
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace
from traces.summary import Outcome
from traces.verify import verify

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def guest(here: Path, recorder: Recorder) -> str:
    """The guest `hello` in the current folder."""
    (here / "hello.hvt").write_bytes(recorder.guest("hello"))
    return "hello.hvt"


def put(here: Path, recorder: Recorder, name: str) -> str:
    (here / f"{name}.hvt").write_bytes(recorder.guest(name))
    return f"{name}.hvt"


def traces(here: Path) -> list[str]:
    return sorted(path.name for path in here.glob("*.mp"))


def test_help_has_examples_and_statuses(capfd: Capture) -> None:
    assert main(["--help"]) == 0
    shown = capfd.readouterr().out
    assert "examples:\n  solo5-record app.hvt\n" in shown
    assert "exit status:" in shown


def test_the_console_on_stdout_and_a_summary_on_stderr(
    here: Path, guest: str, capfd: Capture
) -> None:
    assert main([guest, "some", "words"]) == 0
    shown = capfd.readouterr()
    assert "\nCommand line is: 'some words'\n" in shown.out
    assert shown.err.startswith("solo5-record: ")
    assert shown.err.endswith(" KiB in hello.mp; `solo5-replay hello.mp`\n")
    with open_trace("hello.mp") as trace:
        assert verify(trace).complete
        assert trace.header.boot.command_line == b"some words"
        assert trace.header.guest.name == "hello.hvt"
        assert trace.header.recorded_at_ns is not None
        assert trace.header.host["system"] == "Linux"


def test_nothing_is_ever_overwritten(here: Path, guest: str) -> None:
    (here / "hello.2.mp").write_text("precious")
    for _ in range(3):
        assert main(["-q", guest]) == 0
    assert traces(here) == ["hello.2.mp", "hello.3.mp", "hello.4.mp", "hello.mp"]
    assert (here / "hello.2.mp").read_text() == "precious"


def test_an_output_that_exists_is_refused(here: Path, guest: str, capfd: Capture) -> None:
    (here / "out.mp").write_text("precious")
    assert main(["-o", "out.mp", guest]) == RecordStatus.TOOL_FAILURE
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "never overwritten" in shown.err
    assert (here / "out.mp").read_text() == "precious"


def test_an_output_of_ones_own(here: Path, guest: str, capfd: Capture) -> None:
    assert main(["--output=out.mp", "-q", guest]) == 0
    assert traces(here) == ["out.mp"]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("given", "status"), [("0", 0), ("7", 7), ("256", 0), ("-1", 255)])
def test_the_status_is_the_guests_own(
    here: Path, recorder: Recorder, given: str, status: int
) -> None:
    assert main(["-q", put(here, recorder, "exit"), given]) == status


def test_a_broken_rule_is_status_1(here: Path, recorder: Recorder, capfd: Capture) -> None:
    assert main([put(here, recorder, "faults"), "call0"]) == RecordStatus.REFUSED
    assert "solo5-record: guest: " in capfd.readouterr().err
    with open_trace("faults.mp") as trace:
        assert trace.summary is not None
        assert trace.summary.outcome is Outcome.MISUSE


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "which guest?"),
        (["nonesuch.hvt"], "nonesuch.hvt: No such file or directory"),
        (["."], "Is a directory"),
        (["junk.hvt"], "junk.hvt: not an ELF file"),
        (["--cpu", "z80", "hello.hvt"], "no virtual processor 'z80'"),
        (["--mem=99999", "hello.hvt"], "99999 MiB"),
        (["--net:eth=tap0", "hello.hvt"], "no NET_BASIC device 'eth'"),
        (["--nonesuch", "hello.hvt"], "--nonesuch"),
    ],
)
def test_what_is_refused_is_status_1_and_leaves_no_trace(
    here: Path, guest: str, capfd: Capture, argv: list[str], words: str
) -> None:
    (here / "junk.hvt").write_bytes(b"junk")
    assert main(argv) == RecordStatus.REFUSED
    shown = capfd.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert traces(here) == []


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--engine=none", "hello.hvt"], "engine none is not available"),
        (["-o", "none/out.mp", "hello.hvt"], "none/out.mp: the trace cannot be written"),
    ],
)
def test_what_this_machine_cannot_do_is_status_125(
    here: Path, guest: str, capfd: Capture, argv: list[str], words: str
) -> None:
    assert main(argv) == RecordStatus.TOOL_FAILURE
    assert words in capfd.readouterr().err


def test_missing_devices_are_named_with_their_options(
    here: Path, recorder: Recorder, capfd: Capture
) -> None:
    assert main([put(here, recorder, "blk")]) == RecordStatus.REFUSED
    assert "attach it with --block:storage=FILE" in capfd.readouterr().err


def test_a_guest_may_be_left_out(here: Path, guest: str) -> None:
    assert main(["--no-embed", "-q", guest]) == 0
    with open_trace("hello.mp") as trace:
        assert trace.guest() is None
    assert (here / "hello.mp").stat().st_size < 4096


def test_names_and_arguments_of_any_bytes(here: Path, recorder: Recorder, capfd: Capture) -> None:
    name = "h\udcff.hvt"
    (here / name).write_bytes(recorder.guest("hello"))
    assert main([name, "\udcfe"]) == 0
    with open_trace(here / "h\udcff.mp") as trace:
        assert trace.header.guest.name == r"h\xff.hvt"
        assert trace.header.boot.command_line == b"\xfe"


def test_verbose_says_what_is_used(here: Path, guest: str, capfd: Capture) -> None:
    assert main(["-v", "--mem=32", "--engine=unicorn", guest]) == 0
    said = capfd.readouterr().err
    assert said.startswith("solo5-record: engine unicorn, memory 32 MiB, cpu westmere\n")


class TestAutomaticChoice:
    @pytest.fixture(autouse=True)
    def _no_kvm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        problem = EngineUnavailable("kvm", "it emulates", "buy a computer")
        monkeypatch.setattr("replay.engines.kvm.probe.probe", lambda: problem)

    def test_the_best_that_works(self, here: Path, guest: str, capfd: Capture) -> None:
        if probe() is not None:
            pytest.skip(str(probe()))
        assert main(["-v", guest]) == 0
        assert capfd.readouterr().err.splitlines()[:2] == [
            "solo5-record: not engine kvm: it emulates",
            "solo5-record: engine native, memory 512 MiB, cpu westmere",
        ]
        self.check_engine("native")

    @pytest.mark.parametrize("words", [["-v"], []], ids=["verbose", "silent"])
    def test_the_next_best_goes_on(
        self,
        here: Path,
        guest: str,
        capfd: Capture,
        monkeypatch: pytest.MonkeyPatch,
        words: list[str],
    ) -> None:
        def refuse(*_: object) -> None:
            raise EngineUnavailable("native", "no process", "permit one")

        monkeypatch.setattr("replay.engines.native.engine.NativeEngine.map", refuse)
        assert main([*words, guest]) == 0
        said = capfd.readouterr().err.splitlines()
        assert said[:-1] == [
            "solo5-record: not engine kvm: it emulates",
            "solo5-record: not engine native: no process",
            "solo5-record: engine unicorn, memory 512 MiB, cpu westmere",
        ] * bool(words)
        self.check_engine("unicorn")

    @staticmethod
    def check_engine(name: str) -> None:
        with open_trace("hello.mp") as trace:
            assert trace.header.machine.engine == name
            assert f"engine      {name}\n" in info_text(trace, tally(trace))


def test_verbose_says_how_much_of_a_native_guest_is_fast(
    here: Path, guest: str, capfd: Capture
) -> None:
    require_agent()
    assert main(["-v", "--engine=native", guest]) == 0
    said = re.search(
        r"engine native, (\d+) of (\d+) sites answered in the guest\n", capfd.readouterr().err
    )
    assert said
    assert 0 < int(said[1]) <= int(said[2])


class TestStopping:
    """On an engine where every crossing is seen by the recorder, whose devices send the signal."""

    emulated = ("--engine", "unicorn")

    def test_a_guest_that_runs_for_ever(
        self, here: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capfd: Capture
    ) -> None:
        """The signal comes with the guest's last crossing before it loops."""
        self.signal_at(monkeypatch, b"now: loop")
        words = [*self.emulated, put(here, recorder, "faults"), "loop"]
        assert main(words) == RecordStatus.REFUSED
        assert "solo5-record: terminated by signal 15\n" in capfd.readouterr().err
        with open_trace("faults.mp") as trace:
            assert verify(trace).complete
            assert trace.summary is not None
            assert trace.summary.outcome is Outcome.INTERRUPTED

    def test_a_guest_that_sleeps(
        self, here: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.signal_at(monkeypatch, b"yield that is due takes")
        words = [*self.emulated, "-q", put(here, recorder, "time"), "3600000"]
        assert main(words) == RecordStatus.REFUSED
        with open_trace("time.mp") as trace:
            assert verify(trace).complete

    def test_before_the_guest_runs(
        self, here: Path, guest: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture
    ) -> None:
        def stopped(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("replay.machine.machine.boot_machine", stopped)
        assert main([guest]) == RecordStatus.REFUSED
        assert capfd.readouterr().err == (
            "solo5-record: stopped at once; the guest did not run yet\n"
        )
        assert traces(here) == []

    def test_at_once_while_the_guest_runs(
        self, here: Path, guest: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture
    ) -> None:
        self.signal_at(monkeypatch, b"Command line", times=2)
        assert main([*self.emulated, guest]) == RecordStatus.REFUSED
        assert capfd.readouterr().err == (
            "solo5-record: stopped at once; hello.mp is incomplete, but replays to its end\n"
        )
        with open_trace("hello.mp") as trace:
            assert not verify(trace).complete

    @staticmethod
    def signal_at(monkeypatch: pytest.MonkeyPatch, text: bytes, times: int = 1) -> None:
        """SIGTERM to this process when a guest prints ``text``."""
        from replay.devices.console import Console

        write = Console.write

        def write_and_signal(self: Console, call: object) -> object:
            done = write(self, call)  # type: ignore[arg-type]
            if text in call.data:  # type: ignore[attr-defined]
                for _ in range(times):
                    signal.raise_signal(signal.SIGTERM)
            return done

        monkeypatch.setattr(Console, "write", write_and_signal)


@pytest.fixture
def sptfaults(here: Path, recorder: Recorder) -> str:
    """A guest of target spt that breaks rules when it is asked to."""
    (here / "sptfaults.spt").write_bytes(recorder.guest("sptfaults", "spt"))
    return "sptfaults.spt"


@pytest.mark.parametrize(
    ("case", "status"),
    [("div0", 136), ("ud2", 132), ("int3", 133), ("int80", 159), ("far", 139), ("wildstack", 135)],
)
def test_a_broken_rule_has_the_status_of_the_signal_that_spt_dies_of(
    here: Path, sptfaults: str, capfd: Capture, case: str, status: int
) -> None:
    assert main([sptfaults, case]) == status
    assert replay_main(["sptfaults.mp"]) == status
    assert f"the guest was ended with status {status}: " in capfd.readouterr().err


def test_an_executable_heap_is_warned_of_recorded_and_replayed(
    here: Path, sptfaults: str, capfd: Capture
) -> None:
    assert main(["-o", "no.mp", sptfaults, "runheap"]) == 139
    assert main(["--x-exec-heap", "-o", "yes.mp", sptfaults, "runheap"]) == 1
    assert "warning: the guest may execute its heap and stack" in capfd.readouterr().err
    for name, allowed in (("no.mp", False), ("yes.mp", True)):
        with open_trace(name) as trace:
            assert trace.header.boot.executable_heap is allowed
    assert replay_main(["--check", "yes.mp"]) == ReplayStatus.GUEST_FAILED


@pytest.mark.parametrize(("option", "target"), [("--x-exec-heap", "hvt"), ("--dumpcore=.", "spt")])
def test_options_of_other_tenders_are_refused(
    here: Path, guest: str, sptfaults: str, capfd: Capture, option: str, target: str
) -> None:
    assert main([option, guest if target == "hvt" else sptfaults]) == RecordStatus.REFUSED
    name = option.partition("=")[0]
    assert f"{name} is not for guests of target {target}" in capfd.readouterr().err
    assert traces(here) == []


def test_memory_of_spt_is_not_rounded(here: Path, sptfaults: str, capfd: Capture) -> None:
    assert main(["--mem=3", sptfaults]) == 0
    assert "warning" not in capfd.readouterr().err
    with open_trace("sptfaults.mp") as trace:
        assert trace.header.machine.mem_size == 3 << 20
