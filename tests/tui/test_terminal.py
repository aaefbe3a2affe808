"""The terminal interface in a real terminal, from the command line to the end."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.machine import boot_machine
from replay.machine.plan import header_of
from replay.machine.position import Position
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.toolchain.programs import Case, Program
from replay.tui.session_file import load_session, session_path
from tests.gdb.recordings import Recordings
from tests.tui.tmux import RESTORED, Terminal, terminal, wait_until_gone

pytestmark = pytest.mark.slow

Open = Callable[..., AbstractContextManager[Terminal]]
SMALL, LARGE = (80, 24), (120, 40)
LAST_WORDS = "audit: order 8 is corrupt: id c9cf6e2956ed237e"
BEGUN, ENDED = "event 0/501 · step 0", "the guest exited with status 1"
ESCAPES = r"\x1b]0;owned\x07\x1b]2;owned\x1b\\\x1b[2J\x1b[6n\x1b[?1049l\x9b2J\x1bc[red]owned[/red]"
HOSTILE = f"""\
#include "print.h"
#include "solo5.h"

int solo5_app_main(const struct solo5_start_info *info)
{{
    (void)info;
    print("{ESCAPES.replace("owned", "ow" + '" "' + "ned").replace("x07", 'x07" "')}" "\\n");
    return 0;
}}
"""


@pytest.fixture
def flaky(recordings: Recordings, tmp_path: Path) -> Path:
    """The failing run, in a folder of its own."""
    return Path(shutil.copy(recordings.trace("flaky", "corrupt"), tmp_path / "failure.mp"))


@pytest.fixture
def open_terminal(tmp_path: Path) -> Open:
    """Opens a recording in a terminal of a size, with more options and settings."""

    def opened(size: tuple[int, int], trace: Path, *words: str, **settings: str) -> object:
        folder = tmp_path / f"terminal {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return terminal(folder, *size, str(trace), "--tui", *words, **settings)

    return opened  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Who runs the tests under nohup has them ignore SIGHUP, and so every program they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
def test_a_session(size: tuple[int, int], flaky: Path, open_terminal: Open) -> None:
    with open_terminal(size, flaky) as screen:
        screen.wait_for(BEGUN, "2 Code", "5 Console", "start.S")
        assert screen.flags().split()[0] == "1"  # on a screen of its own
        screen.press(">")
        screen.wait_for(ENDED, LAST_WORDS)
        screen.press("F1")
        screen.wait_for("Keys and commands", ":reverse-step")
        screen.press("Escape")
        screen.wait_for(ENDED, without="Keys and commands")
        screen.type(":back-to console:corrupt")
        screen.press("Enter")
        screen.wait_for("event 499/501")
        screen.press("q")
        screen.wait_for("status 0.")
        assert screen.is_restored()
    state = load_session(session_path(flaky))
    assert state is not None
    assert state.position == Position(499)


def test_it_begins_where_it_was_left(flaky: Path, open_terminal: Open) -> None:
    with open_terminal(LARGE, flaky, "-g", "92+1161") as screen:
        screen.wait_for("event 92/501 +1,161", "101         slots[i] = *from;")
        screen.type(":break order_is_sound")
        screen.press("Enter")
        screen.wait_for("breakpoint 1")
        screen.press("q")
        screen.wait_for("status 0.")
    with open_terminal(LARGE, flaky) as screen:
        screen.wait_for("event 92/501 +1,161")
        screen.press("c")
        screen.wait_for("breakpoint 1, order_is_sound")


def test_ctrl_c_ends_a_long_journey_and_nothing_else(flaky: Path, open_terminal: Open) -> None:
    with open_terminal(SMALL, flaky, "-e") as screen:
        screen.wait_for(ENDED)
        screen.type(":reverse-step 1000000")
        screen.press("Enter")
        screen.wait_for("reverse-step", "Esc cancels")
        screen.press("C-c")
        screen.wait_for("event ", without="Esc cancels")
        screen.press("<")
        screen.wait_for(BEGUN)
        screen.press("q")
        screen.wait_for("status 0.")
        assert screen.is_restored()


def test_the_terminal_has_another_size_while_something_runs(
    flaky: Path, open_terminal: Open
) -> None:
    with open_terminal(SMALL, flaky, "-e") as screen:
        screen.wait_for(ENDED, without="1 Events")
        screen.type(":reverse-step 1000000")
        screen.press("Enter")
        screen.wait_for("Esc cancels")
        screen.resize(200, 60)
        screen.wait_for("1 Events", "3 Registers", "4 Stack", "Esc cancels")
        for size in ((20, 4), (1, 1), (300, 10), (40, 12)):
            screen.resize(*size)
        screen.resize(*LARGE)
        screen.wait_for("2 Code", "3 Registers", "Esc cancels", without="1 Events")
        screen.press("Escape")
        screen.wait_for("event ", without="Esc cancels")
        screen.press("q")
        screen.wait_for("status 0.")
        assert screen.is_restored()


def test_the_terminal_knows_its_size_best(flaky: Path, open_terminal: Open) -> None:
    with open_terminal((200, 60), flaky, COLUMNS="80", LINES="24") as screen:
        screen.wait_for("1 Events", "3 Registers", "4 Stack")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_restores_the_terminal_and_keeps_the_session(
    number: signal.Signals, flaky: Path, open_terminal: Open
) -> None:
    with open_terminal(LARGE, flaky, "-g", "92+1161") as screen:
        screen.wait_for("event 92/501 +1,161")
        os.kill(screen.program(), number)
        screen.wait_for("status 130.")
        assert screen.is_restored()
    state = load_session(session_path(flaky))
    assert state is not None
    assert state.position == Position(92, 1161)


def test_a_terminal_that_goes_away_costs_nothing(flaky: Path, open_terminal: Open) -> None:
    with open_terminal(LARGE, flaky, "-g", "92+1161") as screen:
        screen.wait_for("event 92/501 +1,161")
        program = screen.program()
        screen.close = lambda: None  # type: ignore[method-assign]
        Terminal.close(screen)
        wait_until_gone(program)
    state = load_session(session_path(flaky))
    assert state is not None
    assert state.position == Position(92, 1161)


def test_what_a_guest_prints_never_reaches_the_terminal(hostile: Path, open_terminal: Open) -> None:
    with open_terminal(LARGE, hostile, "-e") as screen:
        title = screen.title()
        shown = screen.wait_for("the guest exited with status 0", "]0;owned", "[red]owned[/red]")
        assert "2 Code" in shown
        assert screen.title() == title
        screen.press("1")
        screen.press("q")
        screen.wait_for("status 0.")
        assert screen.flags() == RESTORED
        for sequence in (b"\x1b]0;owned", b"\x1b]2;owned", b"\x1b[6n", b"\x1bc", b"\x9b2J"):
            assert sequence not in screen.shown


def test_no_color_is_grey(flaky: Path, open_terminal: Open) -> None:
    with open_terminal(LARGE, flaky, NO_COLOR="1", COLORTERM="truecolor") as screen:
        screen.wait_for(BEGUN)
        colours = set(_colours(screen.tmux("capture-pane", "-p", "-e")))
        assert colours
        assert all(red == green == blue for red, green, blue in colours)


def _colours(text: str) -> Iterator[tuple[str, str, str]]:
    for sequence in text.split("\x1b[")[1:]:
        numbers = sequence.partition("m")[0].split(";")
        for at, number in enumerate(numbers):
            if number in ("38", "48") and numbers[at + 1 : at + 2] == ["2"]:
                red, green, blue = numbers[at + 2 : at + 5]
                yield red, green, blue


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_be_drawn_on(term: str, flaky: Path, open_terminal: Open) -> None:
    with open_terminal(SMALL, flaky, TERM=term) as screen:
        screen.wait_for("--tui wants a terminal that can be drawn on", "status 2.")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a guest that prints what terminals obey."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc binutils")
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "main.c").write_text(HOSTILE)
    (folder / "manifest.json").write_text('{"type": "solo5.manifest", "version": 1, "devices": []}')
    (folder / "case.json").write_text('{"cases": []}')
    guest = GuestShelf(folder).guest(Program("hostile", folder), "hvt")
    case = Case(name="hostile", args=(), status=0, expected="")
    plan, image = case_plan(case, guest, "hostile.hvt")
    machine = boot_machine(plan, engine_factory(COUNTING_ENGINE)(), image)
    header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="a test")
    path = folder / "hostile.mp"
    try:
        record(machine, scripted_world(case, plan), path, header, pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()
    return path
