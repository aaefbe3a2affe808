"""Standard output and error: pipes that close, terminals, colours, encodings."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.conftest import Guest
from tests.cli.programs import PATIENCE_S, argv_of, on_terminal, run

pytestmark = pytest.mark.slow


@pytest.fixture
def long_trace(guest: Guest) -> str:
    """A trace of more than a megabyte of console output in 16384 calls."""
    assert run("solo5-record", "-q", guest("output"), "1").status == 0
    return "output.mp"


def read_one_line(program: str, *words: str) -> tuple[bytes, int, bytes]:
    """What `program | head -1` shows, with the status and the messages of the program."""
    process = subprocess.Popen(
        argv_of(program, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    return line, process.wait(PATIENCE_S), errors


@pytest.mark.parametrize(
    ("program", "words", "status"),
    [
        ("solo5-trace", ["dump", "output.mp"], 141),
        ("solo5-trace", ["dump", "--json", "output.mp"], 141),
        ("solo5-replay", ["output.mp"], 141),
    ],
)
def test_a_reader_that_has_enough(
    long_trace: str, program: str, words: list[str], status: int
) -> None:
    line, ended, errors = read_one_line(program, *words)
    assert line.endswith(b"\n")
    assert (ended, errors) == (status, b"")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("solo5-trace", ["verify", "output.mp"]),
        ("solo5-trace", ["info", "output.mp"]),
        ("solo5-replay", ["--check", "output.mp"]),
    ],
)
def test_a_verdict_that_nobody_reads_is_none(
    long_trace: str, program: str, words: list[str]
) -> None:
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as nobody:
        nobody.wait(PATIENCE_S)
        done = subprocess.run(
            argv_of(program, *words),
            stdout=nobody.stdin,
            stderr=subprocess.PIPE,
            check=False,
            timeout=PATIENCE_S,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_recorded_guest_whose_reader_has_enough(guest: Guest) -> None:
    line, ended, errors = read_one_line("solo5-record", guest("output"), "1")
    assert line.endswith(b"\n")
    assert ended == 1
    assert b"cannot write to the console: Broken pipe" in errors
    assert b"Traceback" not in errors
    assert run("solo5-trace", "verify", "output.mp").status == 0
    assert run("solo5-replay", "output.mp", "--check").status == 5


def test_colours_on_a_terminal_only(guest: Guest) -> None:
    run("solo5-record", "-q", guest("hello"))
    assert "\x1b" not in run("solo5-trace", "dump", "hello.mp").out
    with on_terminal("solo5-trace", "dump", "hello.mp", NO_COLOR="") as coloured:
        assert coloured.wait() == 0
    assert "\x1b[36mConsoleWrite\x1b[0m" in coloured.shown
    with on_terminal("solo5-trace", "dump", "hello.mp", NO_COLOR="1") as plain:
        assert plain.wait() == 0
    assert "\x1b" not in plain.shown


def test_a_progress_bar_on_long_replays(guest: Guest) -> None:
    run("solo5-record", "-q", guest("clocks"), "wall", "20000")
    with on_terminal("solo5-replay", "clocks.mp", "--check") as replay:
        assert replay.wait() == 0
    assert "replaying" in replay.shown
    assert "\r\nfaithful: " in replay.shown or "\x1b[2Kfaithful: " in replay.shown
    assert "replaying" not in run("solo5-replay", "clocks.mp", "--check").err


def test_an_encoding_that_lacks_characters(guest: Guest) -> None:
    run("solo5-record", "-q", guest("hello"), "\u6f22\u202e")
    shown = run("solo5-trace", "info", "hello.mp", PYTHONIOENCODING="ascii")
    assert shown.status == 0
    assert r"command     '\u6f22\u202e'" in shown.out


def test_the_guests_bytes_come_out_unchanged(guest: Guest) -> None:
    name = guest("hello")
    done = subprocess.run(
        argv_of("solo5-record", "-q", name, b"\xff\x1b[m"),  # type: ignore[arg-type]
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert b"Command line is: '\xff\x1b[m'\n" in done.stdout
    again = subprocess.run(
        argv_of("solo5-replay", "hello.mp"), capture_output=True, check=True, timeout=PATIENCE_S
    )
    assert again.stdout == done.stdout
