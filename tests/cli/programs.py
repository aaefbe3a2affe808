"""Running the programs, waiting for what they print, and sending them signals."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

PATIENCE_S = 60
"""How long anything may take on a busy host before a test fails."""


_TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
"""For a process in a session of its own: Ctrl-C on its terminal is for it."""


def argv_of(program: str, *words: str, before: str = "") -> list[str]:
    """The command line of one of our programs, whether or not it is installed."""
    module = f"replay.cli.{program.removeprefix('solo5-')}"
    code = f"{before}import sys; from {module} import main; sys.exit(main())"
    return [sys.executable, "-c", code, *words]


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a run."""

    status: int
    out: str
    err: str


def run(program: str, *words: str, **environment: str) -> Finished:
    """Run a program to its end; bytes that are no UTF-8 are shown as escapes."""
    done = subprocess.run(
        argv_of(program, *words),
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )
    out, err = (data.decode(errors="backslashreplace") for data in (done.stdout, done.stderr))
    return Finished(done.returncode, out, err)


class Running:
    """A program that still runs, with its standard output and error in one stream."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self._process = process
        self._output = output
        self._read = b""

    @property
    def shown(self) -> str:
        """Everything printed and read so far."""
        return self._read.decode(errors="backslashreplace")

    def wait_for(self, text: str) -> None:
        """Read on until ``text`` was printed."""
        while text.encode() not in self._read:
            assert self._more(), f"ended without {text!r}: {self.shown}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        """Of the program's process."""
        return self._process.pid

    def hang_up(self) -> None:
        """Close the program's terminal."""
        self._output.close()

    def status(self) -> int:
        """Wait for the end, where nothing is to be read any more."""
        return self._process.wait(PATIENCE_S)

    def type(self, data: bytes) -> None:
        """Press keys, where the program runs on a terminal."""
        os.write(self._output.fileno(), data)

    def wait(self) -> int:
        """Read on to the end; the exit status."""
        while self._more():
            pass
        return self._process.wait(PATIENCE_S)

    def timed_wait(self) -> tuple[int, float]:
        """The exit status, and the seconds until it was there."""
        started = time.monotonic()
        return self.wait(), time.monotonic() - started

    def _more(self) -> bool:
        ready, _, _ = select.select((self._output,), (), (), PATIENCE_S)
        assert ready, f"silent for {PATIENCE_S} s after: {self.shown}"
        try:
            data = os.read(self._output.fileno(), 1 << 16)
        except OSError:  # the other end of a terminal is gone
            return False
        self._read += data
        return bool(data)


@contextlib.contextmanager
def running(program: str, *words: str) -> Iterator[Running]:
    """A program on a pipe; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        argv_of(program, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    with _killed_at_last(process):
        yield Running(process, process.stdout)


@contextlib.contextmanager
def on_terminal(program: str, *words: str, **environment: str) -> Iterator[Running]:
    """A program on a terminal of 24 rows and 100 columns, in a session of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv_of(program, *words, before=_TAKE_TERMINAL),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "24", **environment},
    )
    os.close(theirs)
    with os.fdopen(ours, "r+b", buffering=0) as screen, _killed_at_last(process):
        yield Running(process, screen)


@contextlib.contextmanager
def _killed_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()
