"""A survey: in the background, a process replays a whole trace for what only a replay can know.

It is a process and not a thread, so that neither a timeline nor what draws a screen is slowed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from replay.engines.choice import AUTO
from replay.player.given_log import GivenLog
from replay.player.session import Changes
from replay.player.survey_wire import (
    BadMessage,
    ConsoleSeen,
    GivenSeen,
    Message,
    MessageReader,
    Reached,
    Request,
    encode_request,
)
from replay.player.verdict import CannotReplay, Verdict

_READ_BYTES = 256 << 10
_ROOT = str(Path(__file__).resolve().parents[2])
_CODE = (
    "import sys; sys.path.append(sys.argv.pop()); "
    "from replay.player.survey_process import main; main()"
)


class Survey:
    """Fills ``log`` until there is a verdict, or until it is closed. Its process ends with this
    one, however that ends."""

    def __init__(
        self,
        trace: str | os.PathLike[str],
        log: GivenLog,
        *,
        engine: str = AUTO,
        changes: Changes | None = None,
        follow: bool = False,
        told: Callable[[], object] | None = None,
    ) -> None:
        """Begins at once. ``follow``: go on while the trace becomes longer, until it is finished.
        ``told`` is called, on a thread of the survey's, when there is something new."""
        changes = changes or Changes()
        self.log = log
        self.verdict: Verdict | None = None
        """How it ended; None while it goes on, and when it was closed before its end."""
        self._told = told or (lambda: None)
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        request = Request(os.fspath(trace), engine, changes.guest, changes.command_line, follow)
        try:
            self._process = _start()
        except OSError as error:
            self.verdict = CannotReplay(str(error))
            return
        self._thread = threading.Thread(
            target=self._run, args=(self._process, request), name="survey", daemon=True
        )
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of its process."""
        return None if self._process is None else self._process.pid

    def wait(self, timeout_s: float | None = None) -> Verdict | None:
        """The verdict, when it is there or after so many seconds."""
        if self._process is not None:
            self._thread.join(timeout_s)
        return self.verdict

    def close(self) -> None:
        """End it, wherever it is; what has come stays in the log."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
            self._thread.join()

    def _run(self, process: subprocess.Popen[bytes], request: Request) -> None:
        try:
            with contextlib.suppress(BrokenPipeError):
                _write(process, encode_request(request))
            self._listen(process)
        except BadMessage as error:
            self.verdict = CannotReplay(f"the process that replays it has sent nonsense ({error})")
        finally:
            process.kill()
            status = process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self.verdict is None and not self._closed:
            self.verdict = CannotReplay(f"the process that replays it has ended ({status})")
        self._told()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        reader = MessageReader()
        while self.verdict is None and not self._closed:
            data = os.read(process.stdout.fileno(), _READ_BYTES)
            if not data:
                return
            for message in reader.feed(data):
                self._take(message)
            self._told()

    def _take(self, message: Message) -> None:
        match message:
            case ConsoleSeen(chunk):
                self.log.add_console(chunk)
            case GivenSeen(chunk):
                self.log.add_given(chunk)
            case Reached(event):
                self.log.complete_until = event
            case verdict:
                self.verdict = verdict


def _start() -> subprocess.Popen[bytes]:
    """A process that has the packages of this one, however they are installed, and nothing from
    the working directory; Ctrl-C on the terminal is not for it."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _CODE, _ROOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(process.stdin.fileno(), rest) :]
