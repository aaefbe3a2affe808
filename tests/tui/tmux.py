"""A real terminal: tmux, with a program in it. Keys go in, and what is on the screen comes out.

Nothing here waits for a time: the terminal's output is read as it comes, and after every piece of
it the screen is looked at.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.programs import PATIENCE_S, argv_of

_SCRIPT = """\
read _
stty -g > before
env {settings} {command}
status=$?
stty -g > after
echo "status $status."
read _
"""
_FLAGS = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_cursor_flag} #{wrap_flag}"
RESTORED = "0 1 0 0 1"
"""No second screen, a cursor, no mouse, plain cursor keys, long lines are wrapped."""


class Terminal:
    """tmux with one window of a size; ``shown`` is all that was ever written to it."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._folder = folder
        self._socket = str(folder / "tmux")
        size = ("-x", str(width), "-y", str(height))
        self.tmux(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            *size,
            f"sh {shlex.quote(str(folder / 'script'))}",
        )
        os.mkfifo(folder / "output")
        self._output = os.open(folder / "output", os.O_RDONLY | os.O_NONBLOCK)
        self.tmux("pipe-pane", "-O", f"exec cat > {shlex.quote(str(folder / 'output'))}")
        self.shown = b""

    def tmux(self, *words: str) -> str:
        """A command to tmux; what it answers."""
        environment = {key: value for key, value in os.environ.items() if key != "TMUX"}
        environment["LC_ALL"] = "C.UTF-8"
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env=environment,
            cwd=self._folder,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # ---- what is typed

    def press(self, *keys: str) -> None:
        """Keys, by tmux's names."""
        self.tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Text as it is."""
        self.tmux("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """The terminal has another size."""
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    # ---- what is shown

    def screen(self) -> str:
        """All that is on the screen."""
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *texts: str, without: str = "") -> str:
        """The screen, as soon as all ``texts`` are on it and ``without`` is not."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            screen = self.screen()
            if all(text in screen for text in texts) and not (without and without in screen):
                return screen
            left_s = end_s - time.monotonic()
            ready = select.select((self._output,), (), (), max(0.0, left_s))[0]
            assert ready, f"{texts} without {without!r} did not come:\n{screen}"
            self._read()

    def _read(self) -> None:
        try:
            data = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return
        assert data, f"the terminal is gone; the last that it showed: {self.shown[-2000:]!r}"
        self.shown += data

    # ---- its state

    def flags(self) -> str:
        """See ``RESTORED``."""
        return self.tmux("display-message", "-p", _FLAGS).strip()

    def title(self) -> str:
        """The terminal's title, which programs can set."""
        return self.tmux("display-message", "-p", "#{pane_title}").strip()

    def is_restored(self) -> bool:
        """Whether it is as it was before the program began."""
        before, after = (self._folder / name for name in ("before", "after"))
        return self.flags() == RESTORED and before.read_text() == after.read_text()

    def program(self) -> int:
        """The program's process."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    def close(self) -> None:
        """End it, with all that runs in it."""
        os.close(self._output)
        subprocess.run(
            ["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False
        )


@contextmanager
def terminal(
    folder: Path,
    width: int,
    height: int,
    *words: str,
    program: str = "solo5-replay",
    **settings: str,
) -> Iterator[Terminal]:
    """A program with ``words`` in a terminal; the test is skipped where there is none."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: apt-get install tmux")
    command = shlex.join(argv_of(program, *words))
    changed = shlex.join(f"{name}={value}" for name, value in settings.items())
    (folder / "script").write_text(_SCRIPT.format(settings=changed, command=command))
    opened = Terminal(folder, width, height)
    try:
        opened.press("Enter")
        yield opened
    finally:
        opened.close()


def wait_until_gone(process: int) -> None:
    """Until a process of anybody's has ended."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        assert select.select((handle,), (), (), PATIENCE_S)[0], f"{process} does not end"
    finally:
        os.close(handle)
