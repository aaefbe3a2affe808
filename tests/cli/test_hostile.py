"""Guests that want out, and what may happen to a recorder, its guest's process and its terminal:
each ends in a report, with a trace that is good for what it holds, and leaves no process."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.cli.record import main as record_main
from replay.cli.replay import main as replay_main
from replay.cli.trace import main as trace_main
from replay.engines.native.agent_image import find_agent
from replay.engines.native.probe import probe
from replay.testing.cases import GuestShelf
from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import find_program
from tests.cli.programs import PATIENCE_S, Finished, Running, on_terminal, run, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(probe() is not None, reason=str(probe())),
]

WORDS = ("-q", "--engine", "native", "--mem=16", "-o")
TRACE = "hostile.mp"
NO_AGENT = "SOLO5_REPLAY_PURE_PYTHON"
Build = Callable[[str], str]
Run = Callable[..., Finished]


@pytest.fixture(scope="session")
def built(shelf: GuestShelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the hostile guest for every target; the shelf says what is missing here."""
    folder = tmp_path_factory.mktemp("hostile")
    hello = find_program("hello")
    folders = hello.include_dirs()
    library = [path for each in folders for path in sorted(each.glob("*.[cS]"))]
    sources = (Path(__file__).with_name("hostile.c"), *library)
    for target in ("hvt", "spt"):
        output = folder / f"hostile.{target}"
        request = BuildRequest(target, hello.manifest, output, sources, include_dirs=folders)
        build_guest(request)
    return folder


@pytest.fixture
def hostile(here: Path, built: Path) -> Build:
    """A function that gives the file's name for a target; the current folder is empty."""
    return lambda target: str(built / f"hostile.{target}")


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Who runs the tests under nohup has them ignore SIGHUP, and so every program they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def check_nothing_left(err: str) -> None:
    """No traceback, and no process of this test's recordings."""
    assert "Traceback" not in err
    assert processes_with(Path.cwd()) == []


def processes_with(folder: Path) -> list[str]:
    """Live processes that run in a folder; those that have ended and wait for their parent are
    not alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or entry.name == str(os.getpid()):
            continue
        try:
            if (entry / "cwd").readlink() == folder:
                found.append((entry / "stat").read_text())
        except OSError:
            continue  # ended meanwhile, or a zombie
    return [each for each in found if ") Z " not in each]


@pytest.fixture
def here_run(hostile: Build, capfd: pytest.CaptureFixture[str]) -> Run:
    """A function that runs a program in this process, where it starts at once."""

    def run_main(main: Callable[[list[str]], int], *words: str) -> Finished:
        capfd.readouterr()
        status = main(list(words))
        return Finished(status, *capfd.readouterr())

    return run_main


def check_replay(*, status: int, said: str) -> None:
    """Unicorn comes as far as the trace goes."""
    replayed = run("solo5-replay", "--engine", "unicorn", TRACE, "--check")
    assert replayed.status == status, replayed.err
    assert said in replayed.out + replayed.err
    assert "Traceback" not in replayed.err


def replay(here_run: Run) -> Finished:
    """What Unicorn makes of the trace."""
    return here_run(replay_main, "--engine", "unicorn", TRACE, "--check")


FAITHFUL, CUT = "faithful, guest failed as recorded: ", "faithful so far: "
DEEDS = [
    ("hvt", "int80", 255, "trap #"),
    ("hvt", "linux", 255, "trap #UD"),
    ("hvt", "popf", 255, "trap #DB"),
    ("hvt", "overflow", 1, "translation fault"),
    ("hvt", "iopl", 1, "invalid port access"),
    ("spt", "int80", 159, "32-bit system call 1"),
    ("spt", "sysenter", 159, "32-bit system call 1"),
    ("spt", "linux", 159, "system call 60 (exit)"),
    ("spt", "popf", 133, "debug exception"),
    ("spt", "noise", 139, "page fault: execution"),
    ("spt", "overflow", 139, "page fault: write"),
]


@pytest.mark.parametrize(("target", "deed", "status", "said"), DEEDS)
def test_a_guest_that_wants_out(
    hostile: Build, here_run: Run, target: str, deed: str, status: int, said: str
) -> None:
    done = here_run(record_main, *WORDS, TRACE, hostile(target), deed)
    assert done.status == status
    assert said in done.out + done.err
    assert "nothing happened" not in done.out
    check_nothing_left(done.err)
    replayed = replay(here_run)
    assert replayed.status == 1
    assert replayed.out.splitlines()[-1].startswith(FAITHFUL)


@pytest.mark.parametrize("target", ["hvt", "spt"])
@pytest.mark.parametrize("deed", ["overwrite", "noise"])
def test_memory_full_of_nonsense(hostile: Build, here_run: Run, target: str, deed: str) -> None:
    """What is undefined may differ from engine to engine; that it ends well may not."""
    done = here_run(record_main, *WORDS, TRACE, hostile(target), deed)
    assert done.status in (1, 125, 139, 255)
    check_nothing_left(done.err)
    assert here_run(trace_main, "verify", TRACE).status in (0, 5)


GATE = "jumped to where the engine makes its own system calls"
AGENT = "the guest has damaged the agent"


@pytest.mark.parametrize("target", ["hvt", "spt"])
@pytest.mark.parametrize(
    ("deed", "said"), [("gate", GATE), ("gatemap", GATE), ("agent", AGENT), ("ring", AGENT)]
)
def test_the_engines_own_part_of_the_process(
    hostile: Build, here_run: Run, target: str, deed: str, said: str
) -> None:
    if find_agent() is None:
        pytest.skip("the agent is not built here: there is no way to find that part")
    done = here_run(record_main, *WORDS, TRACE, hostile(target), deed)
    assert done.status == 125
    assert said in done.err
    assert "nothing happened" not in done.out
    check_nothing_left(done.err)
    replayed = replay(here_run)
    assert replayed.status == 5
    assert replayed.out.splitlines()[-1].startswith(CUT)


@pytest.mark.parametrize("deed", ["gatekill", "entry", "blocks"])
def test_what_is_spoilt_is_the_guests_own_trace(hostile: Build, here_run: Run, deed: str) -> None:
    if find_agent() is None:
        pytest.skip("the agent is not built here: there is nothing to spoil")
    done = here_run(record_main, *WORDS, TRACE, hostile("spt"), deed)
    assert done.status in (0, 125, 139, 159)
    check_nothing_left(done.err)
    assert replay(here_run).status in (3, 4, 5)


def test_the_agent_does_not_come_back(hostile: Build) -> None:
    with running("solo5-record", *WORDS, TRACE, hostile("hvt"), "turn") as recorder:
        recorder.wait_for("now: turn\n")
        recorder.signal(signal.SIGTERM)
        status = recorder.wait()
    assert status in (1, 125)  # without an agent it turns in its own code
    check_nothing_left(recorder.shown)


@pytest.mark.parametrize(
    ("target", "deed", "agent"),
    [("hvt", "spin", ""), ("spt", "calls", ""), ("hvt", "calls", "1"), ("spt", "spin", "1")],
)
def test_ctrl_c(
    hostile: Build, target: str, deed: str, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NO_AGENT, agent)
    with running("solo5-record", *WORDS, TRACE, hostile(target), deed) as recorder:
        recorder.wait_for(f"now: {deed}\n")
        recorder.signal(signal.SIGINT)
        assert recorder.wait() == {"hvt": 1, "spt": 130}[target]
    assert "terminated by signal 2" in recorder.shown
    check_nothing_left(recorder.shown)
    if deed == "spin":
        check_replay(status=5, said="the recording was stopped by its operator")


def test_an_endless_guest_can_be_looked_at(hostile: Build, here_run: Run) -> None:
    """Where it is a thousand instructions after its last call, and one more."""
    with running("solo5-record", *WORDS, TRACE, hostile("hvt"), "spin") as recorder:
        recorder.wait_for("now: spin\n")
        recorder.signal(signal.SIGINT)
        recorder.wait()
    described = here_run(trace_main, "info", "--json", TRACE)
    events = json.loads(described.out)["events"]["count"]
    for instructions in (1000, 1001):
        until = f"{events}+{instructions}"
        stopped = here_run(replay_main, "--engine", "native", TRACE, "--until", until)
        assert f"at position {until}" in stopped.out + stopped.err
        assert re.search(r"at 0x\w+ spin\+0x\w+ at hostile.c:", stopped.out + stopped.err)


def guest_of(recorder: Running) -> int:
    """The process in which the guest of a recorder runs."""
    children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
    (pid,) = (int(each) for each in children)
    return pid


def wait_for_the_end(watch: int) -> None:
    """Until a process is gone, by its descriptor."""
    assert select.select([watch], [], [], PATIENCE_S)[0], "the guest's process has been left behind"
    os.close(watch)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_recorder_that_is_killed(hostile: Build, number: signal.Signals) -> None:
    with running("solo5-record", *WORDS, TRACE, hostile("hvt"), "spin") as recorder:
        recorder.wait_for("now: spin\n")
        watch = os.pidfd_open(guest_of(recorder))
        recorder.signal(number)
        assert recorder.wait() == -number
        wait_for_the_end(watch)
    check_replay(status=5, said="the recorder was killed")


def test_a_terminal_that_is_closed(hostile: Build) -> None:
    with on_terminal("solo5-record", *WORDS, TRACE, hostile("hvt"), "spin") as recorder:
        recorder.wait_for("now: spin")
        watch = os.pidfd_open(guest_of(recorder))
        recorder.hang_up()
        wait_for_the_end(watch)
        assert recorder.status() == -signal.SIGHUP
    check_replay(status=5, said=CUT)


def test_a_guest_whose_process_is_killed(hostile: Build) -> None:
    with running("solo5-record", *WORDS, TRACE, hostile("hvt"), "spin") as recorder:
        recorder.wait_for("now: spin\n")
        os.kill(guest_of(recorder), signal.SIGKILL)
        assert recorder.wait() == 125
    assert "the guest's process has ended: killed by SIGKILL" in recorder.shown
    check_nothing_left(recorder.shown)
    check_replay(status=5, said=CUT)


def test_processes_that_are_stopped_and_go_on(hostile: Build) -> None:
    with running("solo5-record", *WORDS, TRACE, hostile("hvt"), "spin") as recorder:
        recorder.wait_for("now: spin\n")
        guest = guest_of(recorder)
        for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGTSTP, signal.SIGUSR1):
            os.kill(guest, number)
        recorder.signal(signal.SIGSTOP)
        recorder.signal(signal.SIGCONT)
        before = processor_ticks(guest)
        end = time.monotonic() + PATIENCE_S
        while processor_ticks(guest) <= before:
            assert time.monotonic() < end, "the guest does not go on"
        recorder.signal(signal.SIGINT)
        assert recorder.wait() == 1
    check_nothing_left(recorder.shown)
    check_replay(status=5, said="the recording was stopped by its operator")


def processor_ticks(pid: int) -> int:
    """The processor time of a process."""
    fields = re.sub(r".*\) ", "", Path(f"/proc/{pid}/stat").read_text(), flags=re.DOTALL).split()
    return int(fields[11]) + int(fields[12])
